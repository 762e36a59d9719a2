//! The queues on SQS: three standard queues, one a lane, each with a dead-letter queue beside it.
//!
//! A standard queue hands a message out at least once and in no strict order. What the port says of
//! order, of "all or none" and of outdated receipts is therefore kept as far as one process can:
//! every job is safe to run twice. A message names its tenant as its group, so that SQS keeps one
//! tenant's many from delaying another's few (fair queues).
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>

mod dead_letters;
mod delete;
mod message;
mod place;
mod queue;
mod receive;
mod send;
mod share;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{Clock, Entropy};
use fluxgate_core::task::Lane;

pub use receive::Record;
use share::Shares;

/// The longest delay of a message, in seconds.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const DELAY_MAX_S: u16 = 900;

/// One queue for each lane. A function is given those that it uses; using another is an error that
/// names it.
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

/// Who removes a message whose job was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The queue does: for a process that receives.
    Delete,
    /// The event source mapping does, when the handler of a Lambda reports the message as done:
    /// settling only sends what comes next, and an error must be reported, so that the message
    /// comes again.
    ByRuntime,
}

#[derive(Debug, Clone)]
pub struct SqsSettings {
    pub queues: QueueUrls,
    pub dead_letters: QueueUrls,
    /// At most [`DELAY_MAX_S`]. A job due later is sent again on its way.
    pub delay_max_s: u16,
    pub removal: Removal,
}

/// Which watches have gone. On SQLite the end of a task removes the row of its watch; SQS removes
/// nothing that is not in hand, so the watch is asked about instead, when it is about to go on.
#[async_trait]
pub trait OverTasks: Send + Sync {
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
    over_tasks: Option<Arc<dyn OverTasks>>,
    shares: Shares,
}

impl SqsQueue {
    /// Connects to nothing yet. Its watches go on whatever became of their tasks: see
    /// [`Self::with_over_tasks`].
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
            over_tasks: None,
            shares: Shares::default(),
        }
    }

    /// A watch whose task is over ends when it would go on.
    #[must_use]
    pub fn with_over_tasks(mut self, over_tasks: Arc<dyn OverTasks>) -> Self {
        self.over_tasks = Some(over_tasks);
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
