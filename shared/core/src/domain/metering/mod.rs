//! Usage, charges, and reconciling them with the provider's bills.

mod charge;
pub mod reconcile;
mod tally;
pub mod usage;

pub use charge::Charge;
