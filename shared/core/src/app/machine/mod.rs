//! Applies the state machine to the store: brings a signal to a task, creates the deliveries for
//! its end, and returns its slot. Every role that changes tasks has one.

mod announce;
mod cancel;
mod copy_again;
mod delete;
mod fair_queue;
mod give_up;
mod note;
mod signal;
mod together;

pub(crate) use cancel::ended;
pub(crate) use delete::DeletionOutcome;
pub(crate) use fair_queue::{Entry, place};
pub(crate) use signal::{SignalOutcome, orphaned_run};

use super::{Alerter, Context};
use crate::base::bounds::Bounds;
use crate::domain::fair_queue::Capacity;

/// Applies signals.
#[derive(Clone)]
pub struct Machine {
    pub(crate) context: Context,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) alerter: Alerter,
}

impl Machine {
    /// `capacity` is the limit of the provider's account, `None` if it is not limited. Roles that
    /// neither submit nor learn of a run's end need none.
    pub fn new(context: Context, capacity: Option<Capacity>) -> Self {
        Self {
            alerter: Alerter::new(&context),
            context,
            capacity,
        }
    }

    pub fn bounds(&self) -> &Bounds {
        &self.context.bounds
    }

    /// Tells of what this machine and its copies have noted.
    pub fn alerter(&self) -> Alerter {
        self.alerter.clone()
    }
}
