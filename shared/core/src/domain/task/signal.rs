//! What can happen to a task, and why the machine may refuse it.

use std::fmt;

use super::state::State;
use super::step::Via;
use super::unarchived::Copied;
use super::{Failure, InputUpload, Output};
use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;

/// What happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A POST is about to leave. Written before it does.
    SubmitStarted,
    /// The provider's account is busy: the task waits in the fair queue.
    Queued(Ticket),
    /// Its ticket has come, and a POST is about to leave.
    SlotGranted(Ticket),
    /// The files written inside the inputs lie with the provider. Written before the POST names
    /// them, so that its run can be told.
    InputsUploaded { uploads: Vec<InputUpload> },
    /// The provider surely did not take the POST, and may take the next one.
    SubmitDeferred {
        reason: String,
        after_ms: Option<u64>,
    },
    /// The provider surely did not take the POST, and never will.
    SubmitRefused(Failure),
    /// Nobody can say whether the provider took the POST.
    SubmitAmbiguous { reason: String },
    /// Provider's list, read whole after the POST had timed out, does not show the run. Two within
    /// this time count once.
    Denied { gap_ms: u64 },
    /// The run exists.
    Accepted { run: RunId, via: Via },
    /// The run is over and has outputs.
    Finished(Finished),
    /// The run is over without outputs.
    RunFailed {
        run: RunId,
        via: Via,
        end: RunEnd,
        failure: Failure,
    },
    /// Every output lies in the tenant's bucket.
    Archived { outputs: Vec<Output> },
    /// Some of what was missing there lies in the tenant's bucket now.
    Copied { copies: Vec<Copied> },
    /// The tenant's own side kept outputs out of its bucket for too long; the provider keeps them
    /// until then.
    ArchiveAbandoned {
        fault: Failure,
        expires_at: Timestamp,
    },
    /// The tenant asks for another copy of what is not in its bucket.
    ArchiveAsked { over: Option<Timestamp> },
    /// The provider's links do not lead to the outputs.
    LinksFailed { again: bool, reason: String },
    /// The provider, asked again, named its links.
    Refreshed { sources: Vec<String> },
    /// Nobody can have the outputs any more, or what the provider keeps in their place is none.
    OutputsGone(Failure),
    /// A bound passed.
    GaveUp(Failure),
    /// The tenant wants it no more.
    Cancel,
    /// The events of an end that was written without them are ready to be written.
    Announced,
}

impl Signal {
    /// Outputs that come within the answer, as `data:` URIs, may be more than a store keeps of a
    /// task: such a run has failed, for it could be written nowhere and so never end.
    #[must_use]
    pub fn within(self, sources_bytes_max: usize) -> Self {
        let too_many =
            |sources: &[String]| sources.iter().map(String::len).sum::<usize>() > sources_bytes_max;
        let failure = || {
            let text = "the model sent its outputs within its answer, and more of them than can be taken there";
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

    /// True when it judges the very version that it was made from: once the task has changed, it
    /// says nothing.
    pub fn is_of_one_version(&self) -> bool {
        matches!(
            self,
            Self::ArchiveAbandoned { .. } | Self::LinksFailed { .. } | Self::OutputsGone(_)
        )
    }
}

/// A finished run as the provider tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    pub run: RunId,
    pub via: Via,
    pub sources: Vec<String>,
    pub nsfw: Vec<bool>,
    pub inference_ms: Option<u64>,
    /// What is to be known of the run beside its outputs: for the timeline.
    pub note: Option<String>,
}

/// The provider's ends without outputs.
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

/// A signal the machine does not take in this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub state: State,
    pub rejection: Rejection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The signal makes no sense here, or no longer does.
    NotNow,
    /// A run ended, or exists, after Fluxgate had given it up: the operator's reconcile report
    /// wants it.
    Orphan,
    /// The task already belongs to another provider run.
    OtherRun,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.rejection {
            Rejection::NotNow => "does not apply",
            Rejection::Orphan => "came after the task was given up",
            Rejection::OtherRun => "belongs to another provider run",
        };
        write!(
            f,
            "the signal {why} while the task is {}",
            self.state.as_str()
        )
    }
}

impl std::error::Error for Rejected {}
