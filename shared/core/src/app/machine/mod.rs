//! The state machine over the store: brings a signal to a task, tells of its end, and gives its
//! slot back. Every role that changes tasks is built from one.

mod announce;
mod fair_queue;
mod give_up;
mod note;
mod signal;

pub(crate) use fair_queue::{Entry, place};
pub(crate) use signal::{SignalOutcome, orphaned_run};

use super::Context;
use crate::domain::fair_queue::Capacity;

/// Applies signals.
#[derive(Clone)]
pub struct Machine {
    pub(crate) context: Context,
    pub(crate) capacity: Option<Capacity>,
}

impl Machine {
    /// `capacity` is what the provider's account bears; `None`: whatever tenants ask of it. Who
    /// neither submits nor learns of a run's end needs none.
    pub fn new(context: Context, capacity: Option<Capacity>) -> Self {
        Self { context, capacity }
    }
}
