//! What a tenant used: runs and charges, by day, by model and by key, and the export of one event
//! per charge. A request counts on the day it was made; an end, and its charge, on the day of the
//! end, as in the ledger. Days are in the account's time zone.

mod csv;
pub(crate) mod cursor;
mod days;
mod event;
mod grouping;
mod report;
mod window;

pub use csv::csv;
pub(crate) use cursor::Scan;
pub use cursor::UsageCursor;
pub use days::Days;
pub(crate) use event::line;
pub use event::{EVENT_TYPE, LINE_START};
pub use grouping::{GroupKey, Grouping, UsageGroup};
pub use report::{Usage, UsageReport, UsageRow};
pub use window::Window;
