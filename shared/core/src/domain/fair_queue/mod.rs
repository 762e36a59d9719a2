//! The fair queue for the provider's account decides whose task is submitted next: start-time fair
//! queueing by the tenants' weights.
//!
//! Pure: the time is part of each question. It stores tickets, not tasks, so its size hardly grows
//! with a tenant's backlog, and one small item holds all of it.

mod capacity;
mod estimate;
mod order;
mod question;
mod queue;
#[cfg(test)]
mod recovery_tests;
mod report;
mod room;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use capacity::Capacity;
pub use estimate::CHECK_MAX_MS;
pub use order::{FairQueue, Ticket, slot_period};
pub use question::{FairQueueAnswer, FairQueueQuestion, FairQueueRequest};
pub use report::{FairQueueReport, WaitingTenant};
