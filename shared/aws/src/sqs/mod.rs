//! The queues on SQS: three standard queues, one per lane, each with its dead-letter queue.
//!
//! A standard queue delivers a message at least once and in no strict order. The port's guarantees
//! about order, "all or none" and outdated receipts are therefore kept as far as one process can:
//! every job is safe to run twice. A message has its tenant as its group, so that SQS keeps one
//! tenant's many jobs from delaying another's few (fair queues).
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>

mod dead_letters;
mod delete;
mod fair_share;
mod message;
mod place;
mod queue;
mod receive;
mod send;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{Clock, Entropy};
use fluxgate_core::task::Lane;

use fair_share::FairShares;
pub use receive::Record;

/// The longest delay of a message, in seconds.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const DELAY_MAX_S: u16 = 900;

/// One queue for each lane. A function only gets those that it uses; using another one is an error
/// that names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueUrls {
    pub watch: Option<String>,
    pub archive: Option<String>,
    pub notify: Option<String>,
}

impl QueueUrls {
    fn of(&self, lane: Lane) -> Option<&str> {
        match lane {
            Lane::Watch => self.watch.as_deref(),
            Lane::Archive => self.archive.as_deref(),
            Lane::Notify => self.notify.as_deref(),
        }
    }
}

/// Who removes the message of a settled job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The queue does: for a process that receives messages itself.
    Delete,
    /// The event source mapping does, when the handler of a Lambda reports the message as done:
    /// settling only sends the next message, and an error must be reported, so that the message is
    /// redelivered.
    ByRuntime,
}

#[derive(Debug, Clone)]
pub struct SqsSettings {
    pub queues: QueueUrls,
    pub dead_letters: QueueUrls,
    /// At most [`DELAY_MAX_S`]. A job that is due later is sent again in between.
    pub delay_max_s: u16,
    pub removal: Removal,
}

/// Which watches may end. On SQLite the end of a task removes the row of its watch; on SQS a
/// message that has not been received cannot be removed, so the watch checks this before it
/// continues.
#[async_trait]
pub trait EndedTasks: Send + Sync {
    /// True when nothing of the task is left to watch: it has ended and none of its deliveries
    /// waits for a first attempt, or there is no such task.
    async fn is_over(&self, tenant: &TenantId, task: &TaskId) -> Result<bool>;
}

/// The queue port on SQS.
pub struct SqsQueue {
    client: Client,
    settings: SqsSettings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ended_tasks: Option<Arc<dyn EndedTasks>>,
    shares: FairShares,
}

impl SqsQueue {
    /// Connects to nothing yet. Its watches go on whatever became of their tasks: see
    /// [`Self::with_ended_tasks`].
    pub fn new(
        client: Client,
        settings: SqsSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            client,
            settings,
            clock,
            entropy,
            ended_tasks: None,
            shares: FairShares::default(),
        }
    }

    /// A watch whose task has ended ends instead of continuing.
    #[must_use]
    pub fn with_ended_tasks(mut self, ended_tasks: Arc<dyn EndedTasks>) -> Self {
        self.ended_tasks = Some(ended_tasks);
        self
    }
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
