//! The line for the provider's account: whose task is submitted next. Start-time fair queueing by
//! the tenants' weights.
//!
//! Pure: the time comes in with each question. It keeps tickets, not tasks, so that what it knows
//! of a tenant hardly grows with the tenant's backlog, and one small item holds it all.

mod capacity;
mod estimate;
mod order;
mod question;
mod queue;
mod room;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use capacity::Capacity;
pub use estimate::CHECK_MAX_MS;
pub use order::{FairQueue, Ticket, slot_period};
pub use question::{FairQueueAnswer, FairQueueQuestion, FairQueueRequest};
