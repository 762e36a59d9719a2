//! What can happen to a task, and why the machine may refuse it.

use std::fmt;

use super::state::State;
use super::step::Via;
use super::{Failure, Output};
use crate::id::UpstreamId;
use crate::line::Turn;

/// What happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A POST is about to leave. Written before it does.
    SubmitStarted,
    /// The vendor's account is busy: the task waits in line.
    Queued(Turn),
    /// Its turn has come, and a POST is about to leave.
    TurnCame(Turn),
    /// Upstream surely did not take the POST, and may take the next one.
    SubmitDeferred { reason: String, after_ms: Option<u64> },
    /// Upstream surely did not take the POST, and never will.
    SubmitRefused(Failure),
    /// Nobody can say whether upstream took the POST.
    SubmitAmbiguous { reason: String },
    /// Upstream's list, read whole after the POST had timed out, does not show the run. Two within this time count once.
    Denied { gap_ms: u64 },
    /// The run exists.
    Accepted { upstream: UpstreamId, via: Via },
    /// The run is over and has outputs.
    Finished(Finished),
    /// The run is over without outputs.
    UpstreamFailed { upstream: UpstreamId, via: Via, end: UpstreamEnd, failure: Failure },
    /// Every output lies in the tenant's bucket.
    Archived { outputs: Vec<Output> },
    /// A bound passed.
    GaveUp(Failure),
    /// The tenant wants it no more.
    Cancel,
    /// The events of an end that was written without them are ready to be written.
    Announced,
}

impl Signal {
    /// Outputs that come within the answer, as `data:` URIs, may be more than a store keeps of a task: such a run has failed, for
    /// it could be written nowhere and so never end.
    #[must_use]
    pub fn within(self, sources_bytes_max: usize) -> Self {
        match self {
            Self::Finished(run) if run.sources.iter().map(String::len).sum::<usize>() > sources_bytes_max => {
                let text = "the model sent its outputs within its answer, and more of them than can be taken there";
                let failure = Failure::new(5000, "outputs_inline", text);
                Self::UpstreamFailed { upstream: run.upstream, via: run.via, end: UpstreamEnd::Failed, failure }
            }
            signal => signal,
        }
    }
}

/// A finished run as upstream tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    pub upstream: UpstreamId,
    pub via: Via,
    pub sources: Vec<String>,
    pub nsfw: Vec<bool>,
    pub inference_ms: Option<u64>,
}

/// The vendor's ends without outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamEnd {
    Failed,
    Cancelled,
    Timeout,
}

impl UpstreamEnd {
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
    /// A run ended, or exists, after Fluxgate had given it up: the operator's reconcile report wants it.
    Orphan,
    /// The task already belongs to another upstream run.
    OtherRun,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.rejection {
            Rejection::NotNow => "does not apply",
            Rejection::Orphan => "came after the task was given up",
            Rejection::OtherRun => "belongs to another upstream run",
        };
        write!(f, "the signal {why} while the task is {}", self.state.as_str())
    }
}

impl std::error::Error for Rejected {}
