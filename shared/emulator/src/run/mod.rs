//! One run of a model: its inputs, progress and outputs.

mod odd_output;
mod picture;
mod prediction;
mod record;
mod store;
mod under_way;
mod webhook;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::catalogue::Model;

pub use odd_output::OddOutput;
pub(crate) use prediction::{echo, forgotten, prediction};
pub use record::RunRecord;
pub(crate) use store::{Full, RunStore};
pub(crate) use under_way::UnderWay;
pub(crate) use work::work;

pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) model: &'static Model,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) webhook: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) price_micro_usd: i64,
    /// Notified once, when the run has ended.
    pub(crate) ended: Notify,
    deleted: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Debug, Clone, Default)]
pub(crate) enum Progress {
    #[default]
    Created,
    Processing,
    Ended {
        at: Timestamp,
        outcome: RunOutcome,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum RunOutcome {
    Completed {
        outputs: Vec<RunOutput>,
        nsfw: bool,
        /// The format of the input that the emulator could not read, if any.
        stands_in_for: Option<&'static str>,
    },
    Failed {
        code: u16,
        error: String,
        /// By a fault.
        is_charged: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum RunOutput {
    /// The last part of the path of a file: `0.jpg`.
    Named(String),
    /// Words within the answer.
    Text(String),
}

impl Run {
    pub(crate) fn new(
        model: &'static Model,
        inputs: Map<String, Value>,
        webhook: Option<String>,
    ) -> Self {
        Self {
            id: Uuid::now_v7().simple().to_string(),
            price_micro_usd: model.price(&inputs).charged_micro_usd,
            model,
            inputs,
            webhook,
            created_at: Timestamp::now(),
            ended: Notify::new(),
            deleted: AtomicBool::new(false),
            progress: Mutex::default(),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.lock().clone()
    }

    /// The names of its files, once it has completed.
    pub(crate) fn output_names(&self) -> Vec<String> {
        let Progress::Ended {
            outcome: RunOutcome::Completed { outputs, .. },
            ..
        } = self.progress()
        else {
            return Vec::new();
        };
        let name = |output| match output {
            RunOutput::Named(name) => Some(name),
            RunOutput::Text(_) => None,
        };
        outputs.into_iter().filter_map(name).collect()
    }

    /// A failed run costs nothing.
    pub(crate) fn charged_micro_usd(&self) -> i64 {
        match &*self.lock() {
            Progress::Ended {
                outcome:
                    RunOutcome::Failed {
                        is_charged: false, ..
                    },
                ..
            } => 0,
            _ => self.price_micro_usd,
        }
    }

    pub(crate) fn start(&self) {
        *self.lock() = Progress::Processing;
    }

    pub(crate) fn end(&self, outcome: RunOutcome) {
        *self.lock() = Progress::Ended {
            at: Timestamp::now(),
            outcome,
        };
        self.ended.notify_waiters();
    }

    /// Returns when the run has ended, or at once if it already has.
    pub(crate) async fn until_ended(&self) {
        let ended = self.ended.notified();
        let mut ended = std::pin::pin!(ended);
        ended.as_mut().enable();
        if !matches!(self.progress(), Progress::Ended { .. }) {
            ended.await;
        }
    }

    /// Returns true the first time.
    pub(crate) fn delete(&self) -> bool {
        !self.deleted.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Relaxed)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.inputs
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.inputs.get(name).and_then(Value::as_str)
    }

    /// How many outputs of a kind it makes.
    pub(crate) fn copies(&self) -> usize {
        let asked = self.inputs.get("num_images").and_then(Value::as_u64);
        usize::try_from(asked.unwrap_or(1)).unwrap_or(1)
    }

    /// What its inputs say in words.
    pub(crate) fn words(&self) -> String {
        let words = ["prompt", "text", "tags", "lyrics", "trigger_word"];
        let given: Vec<&str> = words.iter().filter_map(|name| self.text(name)).collect();
        given.join(" ")
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Processing => "processing",
            Self::Ended {
                outcome: RunOutcome::Completed { .. },
                ..
            } => "completed",
            Self::Ended {
                outcome: RunOutcome::Failed { .. },
                ..
            } => "failed",
        }
    }
}
