//! The parts of the lanes. The watch lane has two: watches are many and paced, and what was sent to
//! be done soon does not wait behind them.

use fluxgate_core::task::{Job, Lane};

/// Whose jobs are waiting together. The column `part` of the jobs' rows has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) enum Part {
    Watch,
    Wake,
    Archive,
    Notify,
}

impl Part {
    pub(in crate::sqlite) const ALL: [Self; 4] =
        [Self::Watch, Self::Wake, Self::Archive, Self::Notify];

    pub(super) fn of(job: &Job) -> Self {
        match job {
            Job::Watch { .. } => Self::Watch,
            Job::Wake { .. } | Job::Batch { .. } => Self::Wake,
            Job::Archive { .. } | Job::ArchiveRun { .. } => Self::Archive,
            Job::Deliver { .. } | Job::Recover { .. } => Self::Notify,
        }
    }

    /// Of the job with this key, as the column `part` is generated.
    pub(super) fn of_key(key: &str) -> Self {
        match key.split_once('/').map(|(kind, _)| kind) {
            Some("watch") => Self::Watch,
            Some("archive") => Self::Archive,
            Some("deliver" | "recover") => Self::Notify,
            _ => Self::Wake,
        }
    }

    pub(in crate::sqlite) fn lane(self) -> Lane {
        match self {
            Self::Watch | Self::Wake => Lane::Watch,
            Self::Archive => Lane::Archive,
            Self::Notify => Lane::Notify,
        }
    }

    pub(in crate::sqlite) fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Wake => "wake",
            Self::Archive => "archive",
            Self::Notify => "notify",
        }
    }

    /// Jobs that may be in progress at once. Callbacks mostly wait for receivers, so there may be
    /// many.
    pub(super) const fn in_hand_max(self) -> usize {
        match self {
            Self::Watch | Self::Wake | Self::Archive => 112,
            Self::Notify => 256,
        }
    }
}
