//! What a store writes whole, in one transaction: a task's next state, its money, its jobs and its
//! deliveries.

use super::Task;
use super::step::Step;
use crate::base::digest::Sha256;
use crate::base::id::{IdempotencyKey, RunId};
use crate::base::time::Timestamp;
use crate::domain::money::{HoldTerms, Settlement};
use crate::domain::task::{Delayed, Job, Lane};
use crate::domain::webhook::{Delivery, DeliveryState};

/// The outcome of one signal. A change with no steps changes nothing: the signal was a duplicate.
#[derive(Debug, Clone)]
pub struct Change {
    /// The task as it will be; its version is one above the stored one.
    pub task: Task,
    /// Settles the task's hold.
    pub money: Option<Settlement>,
    /// New lines of the timeline.
    pub steps: Vec<Step>,
    /// Wake-ups. The watch is not among them: it exists from admission until the end is written and
    /// told.
    pub jobs: Vec<Delayed>,
    /// Events on their way out.
    pub deliveries: Vec<Delivery>,
    /// The provider run that the task names for the first time.
    pub claim: Option<Claim>,
}

/// A task's claim on a provider run; the first task to claim one owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    /// The provider said itself that the run is this task's, by its answer or by the webhook that
    /// only this task has. A run found in the provider's list is only likely to be.
    pub proven: bool,
}

impl Change {
    /// True when the signal told nothing new and nothing is to be written.
    pub fn is_duplicate(&self) -> bool {
        self.steps.is_empty()
    }

    /// The version the store must find, else the change is void.
    pub fn expected_version(&self) -> u64 {
        self.task.version.saturating_sub(1)
    }

    pub fn wake(&mut self, job: Job, after_ms: u64) {
        self.jobs.push(Delayed { job, after_ms });
    }

    /// Adds a delivery together with the job that carries it, unless it is held.
    pub fn deliver(&mut self, delivery: Delivery) {
        if delivery.state == DeliveryState::Pending {
            self.wake(delivery.job(), 0);
        }
        self.deliveries.push(delivery);
    }

    /// Leaves the events to the watch: what is in their way is not in the way of the end.
    pub fn put_off_events(&mut self, wake_after_ms: u64) {
        self.deliveries.clear();
        self.jobs.retain(|job| job.job.lane() != Lane::Notify);
        self.task.untold = true;
        let Task {
            tenant,
            id,
            version,
            ..
        } = &self.task;
        let wake = Job::Wake {
            tenant: tenant.clone(),
            task: id.clone(),
            version: *version,
            round: 0,
        };
        self.wake(wake, wake_after_ms);
    }
}

/// A new task with all that comes to exist with it: the hold, the cold inputs, the idempotency key
/// and the watch.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The task at version 1.
    pub task: Task,
    pub steps: Vec<Step>,
    /// The inputs as the tenant gave them: one JSON object.
    pub inputs: String,
    pub idempotency: Option<Idempotency>,
    /// How many tasks the tenant may have under way, this one included.
    pub tasks_in_flight_max: Option<u32>,
    /// The one watch job, due after this long.
    pub watch_after_ms: u64,
    /// A wake for the task as it is admitted, due after this long: it looks for its turn.
    pub wake_after_ms: Option<u64>,
}

impl Admission {
    pub fn wake(&self) -> Option<Delayed> {
        let Task {
            tenant,
            id,
            version,
            ..
        } = &self.task;
        let job = Job::Wake {
            tenant: tenant.clone(),
            task: id.clone(),
            version: *version,
            round: 0,
        };
        self.wake_after_ms.map(|after_ms| Delayed { job, after_ms })
    }
}

impl Admission {
    pub fn hold_terms(&self) -> HoldTerms {
        let Task {
            price, created_at, ..
        } = self.task;
        HoldTerms {
            price,
            tasks_in_flight_max: self.tasks_in_flight_max,
            at: created_at,
        }
    }
}

/// An idempotency key with the digest of what it stands for.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub key: IdempotencyKey,
    pub request: Sha256,
    /// After this the key may be used afresh.
    pub expires_at: Timestamp,
}
