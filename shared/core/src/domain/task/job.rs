//! What travels on a queue.

use serde::{Deserialize, Serialize};

use super::signal::EndedRun;
use crate::base::id::{BatchId, DeliveryId, EndpointId, TaskId, TenantId};

/// One message. Variants are stored and may outlive a release: add variants, never change one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Every live task has exactly one. It calls `advance` with a growing delay and is removed with
    /// the task.
    Watch {
        tenant: TenantId,
        task: TaskId,
        round: u32,
    },
    /// Calls `advance` sooner than the watch would; discarded if the task has moved on from the
    /// version it was sent for.
    Wake {
        tenant: TenantId,
        task: TaskId,
        version: u64,
        round: u32,
    },
    /// Copies the outputs of a finished run.
    Archive { tenant: TenantId, task: TaskId },
    /// The same of a run whose end is not written: the job alone knows of it. If it is lost, the
    /// watch asks the provider.
    ArchiveRun {
        tenant: TenantId,
        task: TaskId,
        ended: Box<EndedRun>,
    },
    /// Sends one event to one target.
    Deliver {
        tenant: TenantId,
        delivery: DeliveryId,
        /// Of the delivery: in another round the job does nothing.
        #[serde(default)]
        round: u32,
    },
    /// Sends an endpoint what it missed, a page at a time.
    Recover {
        tenant: TenantId,
        endpoint: EndpointId,
        /// The recovery's number; of another the job does nothing.
        recovery: u32,
    },
    /// Admits a batch's lines, a page at a time, and follows their tasks until all have ended.
    Batch {
        tenant: TenantId,
        batch: BatchId,
        /// The number of the batch's job; with another the job does nothing.
        number: u32,
        /// How often it came, so that it looks at other tasks each time.
        turn: u32,
        /// How often in a row it found nothing to do.
        idle: u32,
    },
}

impl Job {
    pub fn lane(&self) -> Lane {
        match self {
            Self::Watch { .. } | Self::Wake { .. } | Self::Batch { .. } => Lane::Watch,
            Self::Archive { .. } | Self::ArchiveRun { .. } => Lane::Archive,
            Self::Deliver { .. } | Self::Recover { .. } => Lane::Notify,
        }
    }

    /// What kind of job it is, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Watch { .. } => "watch",
            Self::Wake { .. } => "wake",
            Self::Archive { .. } => "archive",
            Self::ArchiveRun { .. } => "archive_run",
            Self::Deliver { .. } => "deliver",
            Self::Recover { .. } => "recover",
            Self::Batch { .. } => "batch",
        }
    }

    pub fn tenant(&self) -> &TenantId {
        match self {
            Self::Watch { tenant, .. }
            | Self::Wake { tenant, .. }
            | Self::Archive { tenant, .. }
            | Self::ArchiveRun { tenant, .. }
            | Self::Deliver { tenant, .. }
            | Self::Recover { tenant, .. }
            | Self::Batch { tenant, .. } => tenant,
        }
    }

    /// The same to be shown: nobody sees where the provider keeps an output before it is charged.
    #[must_use]
    pub fn without_links(self) -> Self {
        match self {
            Self::ArchiveRun { tenant, task, .. } => Self::Archive { tenant, task },
            job => job,
        }
    }
}

/// The function that a job is for: the poller, the archiver or the notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    Watch,
    Archive,
    Notify,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Watch, Self::Archive, Self::Notify];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Archive => "archive",
            Self::Notify => "notify",
        }
    }
}

/// A job that must not be received before `after_ms` have passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delayed {
    pub job: Job,
    pub after_ms: u64,
}
