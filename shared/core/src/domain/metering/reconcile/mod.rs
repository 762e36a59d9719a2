//! Our captures against the provider's bills: what differs, what nobody owns, and what was earned.
//! Pure; reading is done elsewhere.

mod bill;
mod compare;
mod days;
mod report;

pub use bill::{Bill, ListedRun};
pub use compare::{Books, Sold, compare};
pub use days::last_days;
pub use report::{Finding, FindingCode, Margin, ReconcileReport, Totals};
