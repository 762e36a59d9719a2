//! Daily sums: what a tenant's ledger entries and tasks come to on each day, by model and by API
//! key. A store adds to them in the transaction that writes the entries.

mod account_days;
mod fill;
mod open_day;
mod sums;

pub use account_days::{AccountDays, DayRow, Standing};
pub use fill::{DayFill, FilledPage};
pub use open_day::OpenDay;
pub use sums::{Origin, Sums};
