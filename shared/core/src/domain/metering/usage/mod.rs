//! What a tenant used: runs and charges, by day and by model. A request counts on the day it was
//! made; an end, and what it charged, on the day of the end, as in the ledger. Days are UTC. And
//! what of it is exported: an event for each charge.

mod csv;
pub(crate) mod cursor;
mod days;
mod event;
mod grouping;
mod report;
mod window;

pub use csv::csv;
pub(crate) use cursor::Look;
pub use cursor::UsageCursor;
pub use days::Days;
pub(crate) use event::line;
pub use event::{EVENT_TYPE, LINE_START};
pub use grouping::{Grouping, UsageGroup};
pub use report::{Usage, UsageReport};
pub use window::Window;
