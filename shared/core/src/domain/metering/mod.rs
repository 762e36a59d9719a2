//! What was used, what it was charged, and what the provider billed for it.

mod charge;
pub mod reconcile;
mod tally;
pub mod usage;

pub use charge::Charge;
