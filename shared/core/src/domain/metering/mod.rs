//! Usage, charges, and reconciling them with the provider's bills.

mod charge;
pub mod day_sums;
pub mod reconcile;
pub mod statement;
mod tally;
pub mod usage;

pub use charge::Charge;
