//! A task, one run asked for, and the machine that moves it.

mod change;
mod copying;
#[cfg(test)]
mod copying_tests;
mod doubt;
mod signal;
mod state;
mod step;
mod transition;
#[cfg(test)]
mod transition_table;
mod unarchived;

pub use change::{Admission, Change, Claim, Idempotency};
pub use doubt::{DenialTerms, Doubt};
pub use signal::{Finished, Rejected, Rejection, Signal, UpstreamEnd};
pub use state::State;
pub use step::{NOTED_STEPS_MAX, Step, Via};
pub use transition::transition;
pub use unarchived::{Copied, Produced, ProviderLink, StaleLinks, Unarchived};

use serde::{Deserialize, Serialize};

use crate::callback::CallbackUrl;
use crate::id::{ModelId, TaskId, TenantId, UpstreamId};
use crate::line::Turn;
use crate::media::MediaKind;
use crate::money::{Hold, MicroUsd};
use crate::time::Timestamp;

/// One run asked for; the vendor calls it a prediction. This is the hot row: inputs and timeline lie elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub tenant: TenantId,
    pub id: TaskId,
    /// Counts the changes; the store writes a change only over the version it was made from.
    pub version: u64,
    pub model: ModelId,
    pub state: State,
    /// What is held while the task runs, fixed at submit.
    pub price: MicroUsd,
    /// What the account keeps for the task beside the price; the store writes it with the hold.
    #[serde(default, skip_serializing_if = "Hold::is_none")]
    pub hold: Hold,
    /// What upstream asked for the run when it was submitted.
    #[serde(default)]
    pub cost: MicroUsd,
    /// How many outputs the inputs ask for; the price is for all of them.
    #[serde(default = "one_output")]
    pub outputs_asked: u32,
    /// What the model makes, by the catalogue at submit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub makes: Option<MediaKind>,
    /// What was captured; zero until the task completes.
    #[serde(default)]
    pub charged: MicroUsd,
    pub created_at: Timestamp,
    /// When the state was entered.
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamId>,
    /// How often a submit was begun.
    #[serde(default)]
    pub submits: u32,
    /// Its place in the line for the vendor's account, then its slot, until the run is over; only where the account is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// What the POST that is under way names in place of files, until its run is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<InputUpload>,
    /// Only while nobody knows whether the submit was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Where the vendor keeps what it produced, until it is archived. Nobody is shown them before the task is charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// What of it lies in the bucket already, while it is archived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copied: Vec<Copied>,
    /// Links that stopped working before what is behind them was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<StaleLinks>,
    /// What lies in the bucket of a task that completed: all of its outputs, but for those of `unarchived`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unarchived: Option<Unarchived>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nsfw: Vec<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Which path brought the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<Via>,
    /// The drop-in callback given at submit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackUrl>,
    /// It is over, and its events could not be written with its end: the watch goes on until they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
}

/// What a submit asks for, once it is known to be valid and priced.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub tenant: TenantId,
    pub id: TaskId,
    pub model: ModelId,
    pub price: MicroUsd,
    pub cost: MicroUsd,
    pub outputs_asked: u32,
    pub makes: Option<MediaKind>,
    pub callback: Option<CallbackUrl>,
}

fn one_output() -> u32 {
    1
}

impl Task {
    /// A task that is admitted and nothing more. Version 0 is never stored: the first change makes it 1.
    pub fn admitted(new: NewTask, now: Timestamp) -> Self {
        Self {
            tenant: new.tenant,
            id: new.id,
            version: 0,
            model: new.model,
            state: State::Admitted,
            price: new.price,
            hold: Hold::default(),
            cost: new.cost,
            outputs_asked: new.outputs_asked.max(1),
            makes: new.makes,
            charged: MicroUsd::ZERO,
            created_at: now,
            since: now,
            upstream: None,
            submits: 0,
            turn: None,
            uploads: Vec::new(),
            doubt: None,
            sources: Vec::new(),
            copied: Vec::new(),
            stale: None,
            outputs: Vec::new(),
            unarchived: None,
            nsfw: Vec::new(),
            inference_ms: None,
            failure: None,
            completed_by: None,
            callback: new.callback,
            untold: false,
        }
    }
}

/// One produced file in the tenant's bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub bucket: String,
    pub key: String,
    /// Lower-case hex.
    pub sha256: String,
    pub bytes: u64,
    pub content_type: String,
}

impl Output {
    pub fn s3_uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// A file inside an input, and where it was put for the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputUpload {
    /// Which input. Of a list of files the uploads are in its order.
    pub field: String,
    pub url: String,
}

/// Why a task did not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The vendor's numbers where it gave one (1402: media could not be fetched), else Fluxgate's in the vendor's ranges.
    pub code: u32,
    /// Stable and snake case.
    pub reason: String,
    /// Says what to do; safe to show to the tenant.
    pub message: String,
}

impl Failure {
    pub fn new(code: u32, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into() }
    }
}
