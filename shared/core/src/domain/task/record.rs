//! The record of a task.

use serde::{Deserialize, Serialize};

use super::{Copied, Doubt, Failure, InputUpload, Output, StaleLinks, State, Unarchived, Via};
use crate::base::id::{DeliveryId, ModelId, RunId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;
use crate::domain::media::MediaKind;
use crate::domain::money::{Hold, MicroUsd};
use crate::domain::webhook::{CallbackUrl, Delivery, DeliveryState, EventType, Target};

/// One run asked for; the provider calls it a prediction. This is the hot row: inputs and timeline
/// lie elsewhere.
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
    /// What the provider asked for the run when it was submitted.
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
    /// Earlier releases wrote it as `upstream`.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "upstream")]
    pub run: Option<RunId>,
    /// How often a submit was begun.
    #[serde(default)]
    pub submits: u32,
    /// Its ticket in the fair queue for the provider's account, then its slot, until the run is
    /// over; only where the account is limited. Earlier releases wrote it as `turn`.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "turn")]
    pub ticket: Option<Ticket>,
    /// What the POST that is under way names in place of files, until its run is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<InputUpload>,
    /// Only while nobody knows whether the submit was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Where the provider keeps what it produced, until it is archived. Nobody is shown them before
    /// the task is charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// What of it lies in the bucket already, while it is archived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copied: Vec<Copied>,
    /// Links that stopped working before what is behind them was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<StaleLinks>,
    /// What lies in the bucket of a task that completed: all of its outputs, but for those of
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
    /// Which path brought the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<Via>,
    /// The drop-in callback given at submit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackUrl>,
    /// It is over, and its events could not be written with its end: the watch goes on until they
    /// are.
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
    /// A task that is admitted and nothing more. Version 0 is never stored: the first change makes
    /// it 1.
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
            untold: false,
        }
    }

    /// An event of it that waits for its first attempt.
    pub fn delivery(
        &self,
        id: DeliveryId,
        event: EventType,
        target: Target,
        now: Timestamp,
    ) -> Delivery {
        Delivery {
            tenant: self.tenant.clone(),
            id,
            version: 1,
            task: self.id.clone(),
            event,
            target,
            state: DeliveryState::Pending,
            attempts: Vec::new(),
            created_at: now,
        }
    }
}
