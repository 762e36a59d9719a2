//! What a store writes in one transaction: a task's next state, its money, its jobs and its
//! deliveries.

use super::Task;
use super::step::Step;
use crate::base::digest::Sha256;
use crate::base::id::{IdempotencyKey, RunId};
use crate::base::seal::StoredText;
use crate::base::time::Timestamp;
use crate::domain::money::{HoldTerms, KeyTerms, Settlement};
use crate::domain::task::{Delayed, Job, Lane};
use crate::domain::webhook::Delivery;

/// The outcome of one signal. A change without steps changes nothing: the signal was a duplicate.
#[derive(Debug, Clone)]
pub struct Change {
    /// The task after the change; its version is one above the stored one.
    pub task: Task,
    /// Settles the task's hold.
    pub money: Option<Settlement>,
    /// New timeline steps.
    pub steps: Vec<Step>,
    /// Wake-ups. The watch is not included: it exists from admission until the end is written and
    /// announced.
    pub jobs: Vec<Delayed>,
    /// New deliveries.
    pub deliveries: Vec<Delivery>,
    /// The provider run that the task names for the first time.
    pub claim: Option<Claim>,
}

/// A task's claim on a provider run; the first task to claim one owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    /// The provider itself said that the run belongs to this task, in its answer or in the webhook
    /// that only this task has. A run found in the provider's list is only likely to.
    pub proven: bool,
}

impl Change {
    /// True if the signal was a duplicate and nothing needs to be written.
    pub fn is_duplicate(&self) -> bool {
        self.steps.is_empty()
    }

    /// The version that the store must find; otherwise the write fails.
    pub fn expected_version(&self) -> u64 {
        self.task.version.saturating_sub(1)
    }

    pub fn wake(&mut self, job: Job, after_ms: u64) {
        self.jobs.push(Delayed { job, after_ms });
    }

    /// Adds a delivery, and the job that sends it unless it is held or read.
    pub fn deliver(&mut self, delivery: Delivery) {
        self.jobs.extend(delivery.next_job(delivery.created_at));
        self.deliveries.push(delivery);
    }

    /// Leaves the deliveries to the watch, so that they cannot block the end.
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

/// A new task with everything created along with it: the hold, the cold inputs, the idempotency key
/// and the watch.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The task at version 1.
    pub task: Task,
    pub steps: Vec<Step>,
    /// The inputs as the tenant sent them, one JSON object, sealed.
    pub inputs: StoredText,
    pub idempotency: Option<Idempotency>,
    /// Maximum number of tasks in flight for the tenant, including this one.
    pub tasks_in_flight_max: Option<u32>,
    /// What its API key may spend, if that has a limit.
    pub key_terms: Option<KeyTerms>,
    /// The one watch job, due after this long.
    pub watch_after_ms: u64,
    /// A wake for the admitted task, due after this long: it checks for the task's turn.
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

/// An idempotency key with the digest of its request.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub key: IdempotencyKey,
    pub request: Sha256,
    /// After this the key may be reused.
    pub expires_at: Timestamp,
}
