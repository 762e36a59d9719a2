//! The record of a task.

use serde::{Deserialize, Serialize};

use super::{
    Copied, Deleted, Doubt, Failure, InputUpload, Output, Refund, StaleLinks, State, Unarchived,
    Via,
};
use crate::base::id::{DeliveryId, KeyId, ModelId, RunId, TaskId, TenantId};
use crate::base::labels::Labels;
use crate::base::seal::StoredText;
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::fair_queue::Ticket;
use crate::domain::media::MediaKind;
use crate::domain::money::{Hold, KeyCount, MicroUsd};
use crate::domain::webhook::{Delivery, Endpoint, EventType, Target};

/// One requested run; the provider calls it a prediction. This is the hot row: inputs and timeline
/// are stored elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub tenant: TenantId,
    pub id: TaskId,
    /// Incremented by each change; the store writes a change only over the version it was based on.
    pub version: u64,
    pub model: ModelId,
    pub state: State,
    /// The amount held while the task runs, fixed at submit.
    pub price: MicroUsd,
    /// What the account records for the task besides the price; the store writes it with the hold.
    #[serde(default, skip_serializing_if = "Hold::is_none")]
    pub hold: Hold,
    /// The provider's price for the run when it was submitted.
    #[serde(default)]
    pub cost: MicroUsd,
    /// Number of outputs requested by the inputs; the price covers all of them.
    #[serde(default = "one_output")]
    pub outputs_asked: u32,
    /// What the model produces, according to the catalogue at submit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub makes: Option<MediaKind>,
    /// The captured amount; zero until the task completes.
    #[serde(default)]
    pub charged: MicroUsd,
    /// What of it was given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
    pub created_at: Timestamp,
    /// When the state was entered.
    pub since: Timestamp,
    /// Earlier releases stored it as `upstream`.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "upstream")]
    pub run: Option<RunId>,
    /// Number of submits started.
    #[serde(default)]
    pub submits: u32,
    /// Its ticket in the fair queue for the provider's account, then its slot, until the run ends;
    /// only if the account is limited. Earlier releases stored it as `turn`.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "turn")]
    pub ticket: Option<Ticket>,
    /// The uploads that the current POST names instead of files, until its run is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<InputUpload>,
    /// Present only while it is unknown whether the submit was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Where the provider keeps the outputs, until they are archived. Never shown before the task
    /// is charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Outputs already in the bucket, while the task is being archived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copied: Vec<Copied>,
    /// Links that stopped working before their outputs were copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<StaleLinks>,
    /// The outputs of a completed task that are in the bucket: all, except those listed in
    /// `unarchived`.
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
    /// How the end was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<Via>,
    /// The URL of the drop-in callback given at submit, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<StoredText>,
    /// What the tenant attached to it. It is never sent to the provider.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub metadata: Labels,
    /// Its result carries the outputs as base64, within a bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inline_outputs: bool,
    /// Where it stands in the trace of the client that submitted it, if that sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// It is over, and its events could not be written with its end: the watch goes on until they
    /// are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// The task that this one runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<TaskId>,
    /// The API key that it was submitted with; none for a token of another issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Where it is counted, if that key has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_count: Option<KeyCount>,
    /// Its tenant has deleted it: no tenant can read it, and what it was about is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deleted>,
}

/// A new task, once the submit is validated and priced.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub tenant: TenantId,
    pub id: TaskId,
    pub model: ModelId,
    pub price: MicroUsd,
    pub cost: MicroUsd,
    pub outputs_asked: u32,
    pub makes: Option<MediaKind>,
    pub callback: Option<StoredText>,
    pub metadata: Labels,
}

fn one_output() -> u32 {
    1
}

impl Task {
    /// An admitted task. Version 0 is never stored: the first change makes it 1.
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
            refund: None,
            created_at: now,
            since: now,
            run: None,
            submits: 0,
            ticket: None,
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
            metadata: new.metadata,
            inline_outputs: false,
            trace: None,
            untold: false,
            retry_of: None,
            key: None,
            key_count: None,
            deleted: None,
        }
    }

    /// True while it has not ended, or its end was not announced: somebody has to move it.
    pub fn is_open(&self) -> bool {
        !self.state.is_end() || self.untold
    }

    /// The trace that everything done for it belongs to: its client's, or one that began with it.
    pub fn trace_context(&self) -> TraceContext {
        self.trace
            .clone()
            .unwrap_or_else(|| TraceContext::of_task(&self.id))
    }

    /// A delivery of one of its events, waiting for its first attempt.
    pub fn delivery(
        &self,
        id: DeliveryId,
        event: EventType,
        target: Target,
        now: Timestamp,
    ) -> Delivery {
        Delivery::new(self.tenant.clone(), id, event, target, now)
    }
}

impl Endpoint {
    /// True when it is to be told of this event of the task.
    pub(crate) fn wants_of(&self, task: &Task, event: EventType, now: Timestamp) -> bool {
        self.wants(event, now) && self.filter.passes(&task.model, &task.metadata)
    }
}
