//! What can happen to a task, and why the state machine may reject it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::state::State;
use super::step::Via;
use super::unarchived::Copied;
use super::{Failure, InputUpload, Output, Refund};
use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;

/// What happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A POST is about to be sent. Written before it is.
    SubmitStarted,
    /// The provider's account is busy: the task waits in the fair queue.
    Queued(Ticket),
    /// Its ticket was granted, and a POST is about to be sent.
    SlotGranted(Ticket),
    /// The files embedded in the inputs were uploaded to the provider. Written before the POST that
    /// names them, so that its run can be identified.
    InputsUploaded { uploads: Vec<InputUpload> },
    /// The provider definitely did not accept the POST, but may accept a later one.
    SubmitDeferred {
        reason: String,
        after_ms: Option<u64>,
    },
    /// The provider definitely did not accept the POST, and never will.
    SubmitRefused(Failure),
    /// The provider may or may not have accepted the POST. With how far the clock here is ahead of
    /// the provider's, if that is known.
    SubmitAmbiguous {
        reason: String,
        ahead_ms: Option<i64>,
    },
    /// The provider's complete list, read from `read_at` on and after the POST had timed out, does
    /// not show the run. Two denials read within `gap_ms` count once.
    Denied { read_at: Timestamp, gap_ms: u64 },
    /// The run exists.
    Accepted { run: RunId, via: Via },
    /// The run has ended with outputs.
    Finished(Finished),
    /// The run has ended without outputs.
    RunFailed {
        run: RunId,
        via: Via,
        end: RunEnd,
        failure: Failure,
    },
    /// All outputs are in the tenant's bucket.
    Archived { outputs: Vec<Output> },
    /// The same of a run whose end was not written before.
    RunArchived {
        ended: Box<EndedRun>,
        outputs: Vec<Output>,
    },
    /// Some missing outputs are now in the tenant's bucket.
    Copied { copies: Vec<Copied> },
    /// The tenant's own side kept outputs out of its bucket for too long; the provider keeps them
    /// until `expires_at`.
    ArchiveAbandoned {
        fault: Failure,
        expires_at: Timestamp,
    },
    /// The tenant asks for another copy of what is not in its bucket.
    ArchiveAsked { last_asked_at: Option<Timestamp> },
    /// The provider's links do not lead to the outputs.
    LinksFailed { again: bool, reason: String },
    /// The provider sent fresh links.
    Refreshed { sources: Vec<String> },
    /// The outputs are lost, or what the provider keeps in their place is not an output.
    OutputsGone(Failure),
    /// A time limit has passed.
    GaveUp(Failure),
    /// The operator ends a task that is stuck, and its hold is released.
    FailedByOperator { reason: String },
    /// The store was restored from a backup, and what was sent for the task since then is not
    /// known.
    Restored,
    /// The tenant cancels the task.
    Cancel,
    /// The tenant deletes the task, or the operator erases it.
    Delete,
    /// The operator has removed what a deleted task left in the installation's own store.
    OutputsRemoved,
    /// An operator gives back what the task was charged, or a part of it. It moves money, so it is
    /// written by the port of accounts.
    Refund(Refund),
    /// The deliveries of an end that was written without them are ready to be written.
    Announced,
}

impl Signal {
    /// A run whose outputs come inside the answer, as `data:` URIs, may exceed what a store keeps
    /// per task. Such a run becomes a failure; otherwise it could never be written, and never end.
    #[must_use]
    pub fn within(self, sources_bytes_max: usize) -> Self {
        let too_many =
            |sources: &[String]| sources.iter().map(String::len).sum::<usize>() > sources_bytes_max;
        let failure = || {
            let text = "the model sent its outputs inside its answer, and they exceed the size limit for that";
            Failure::new(5000, "outputs_inline", text)
        };
        match self {
            Self::Finished(Finished {
                run, via, sources, ..
            }) if too_many(&sources) => Self::RunFailed {
                run,
                via,
                end: RunEnd::Failed,
                failure: failure(),
            },
            Self::Refreshed { sources } if too_many(&sources) => Self::OutputsGone(failure()),
            signal => signal,
        }
    }

    /// True if the signal applies only to the version it was based on: once the task has changed,
    /// it is void.
    pub fn is_of_one_version(&self) -> bool {
        matches!(
            self,
            Self::ArchiveAbandoned { .. }
                | Self::LinksFailed { .. }
                | Self::OutputsGone(_)
                | Self::FailedByOperator { .. }
        )
    }
}

/// A finished run as reported by the provider. It travels with a job: fields may be added.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finished {
    pub run: RunId,
    pub via: Via,
    pub sources: Vec<String>,
    pub nsfw: Vec<bool>,
    pub inference_ms: Option<u64>,
    /// A remark about the run for the timeline.
    pub note: Option<String>,
}

/// A finished run whose end is written only with what becomes of its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndedRun {
    pub finished: Finished,
    /// When its end was learned.
    pub at: Timestamp,
}

/// How a run can end at the provider without outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    Failed,
    Cancelled,
    Timeout,
}

impl RunEnd {
    pub fn state(self) -> State {
        match self {
            Self::Failed => State::Failed,
            Self::Cancelled => State::Cancelled,
            Self::Timeout => State::Timeout,
        }
    }
}

/// The signal is not accepted in this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub state: State,
    pub rejection: Rejection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The signal does not apply, or no longer does.
    NotNow,
    /// A run ended, or turned up, after Fluxgate had given its task up: it belongs in the
    /// operator's reconcile report.
    Orphan,
    /// The task already belongs to a different provider run.
    OtherRun,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.rejection {
            Rejection::NotNow => "does not apply",
            Rejection::Orphan => "came after the task was given up",
            Rejection::OtherRun => "belongs to a different provider run",
        };
        write!(
            f,
            "the signal {why} while the task is {}",
            self.state.as_str()
        )
    }
}

impl std::error::Error for Rejected {}
