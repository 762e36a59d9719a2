//! Compares our captures with the provider's bills: differences, unowned runs, and margins. Pure;
//! the data is read elsewhere.

mod bill;
mod books;
mod compare;
#[cfg(test)]
mod compare_tests;
mod days;
mod report;

pub use bill::{Bill, ListedRun};
pub use books::{Books, Sold};
pub use compare::compare;
pub use days::last_days;
pub use report::{Finding, FindingCode, Margin, ReconcileReport, Totals};
