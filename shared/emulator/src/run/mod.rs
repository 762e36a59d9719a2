//! One run: what was asked, how it ended, and how the vendor's API tells it.

mod prediction;
mod record;
mod store;
mod webhook;
mod work;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::catalogue::Model;

pub(crate) use prediction::Prediction;
pub use record::RunRecord;
pub(crate) use store::RunStore;
pub(crate) use work::execute;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    Created,
    Processing,
    Completed,
    Failed,
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) model: &'static Model,
    /// As the schema accepted them, with defaults and the seed that was chosen.
    pub(crate) inputs: Map<String, Value>,
    pub(crate) webhook: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) price_micro_usd: i64,
    pub(crate) orders: Orders,
    started: Instant,
    run_time: Duration,
    end: OnceLock<End>,
    ended: Notify,
    deleted: AtomicBool,
    /// Roughly what it occupies.
    bytes: AtomicUsize,
}

/// What the faults at the time of the submit have decided for the run.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) failure: Option<Failure>,
    pub(crate) nsfw: bool,
    pub(crate) tiny: bool,
}

/// What a submit brings.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) model: &'static Model,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) webhook: Option<String>,
    pub(crate) price_micro_usd: i64,
    pub(crate) orders: Orders,
    pub(crate) run_time: Duration,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) result: Result<Product, Failure>,
}

#[derive(Debug)]
pub(crate) struct Product {
    /// URLs, or base64 when that was asked for.
    pub(crate) outputs: Vec<String>,
    pub(crate) nsfw: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// 1xxx: fix the input; 5xxx: may be tried again.
    pub(crate) code: u32,
    pub(crate) error: String,
}

impl Run {
    pub(crate) fn new(order: Order) -> Self {
        Self {
            id: uuid::Uuid::now_v7().simple().to_string(),
            model: order.model,
            inputs: order.inputs,
            webhook: order.webhook,
            created_at: Timestamp::now(),
            price_micro_usd: order.price_micro_usd,
            orders: order.orders,
            started: Instant::now(),
            run_time: order.run_time,
            end: OnceLock::new(),
            ended: Notify::new(),
            deleted: AtomicBool::new(false),
            bytes: AtomicUsize::new(order.bytes),
        }
    }

    pub(crate) fn status(&self) -> RunStatus {
        match self.end() {
            Some(End { result: Ok(_), .. }) => RunStatus::Completed,
            Some(End { result: Err(_), .. }) => RunStatus::Failed,
            None if self.started.elapsed() * 4 < self.run_time => RunStatus::Created,
            None => RunStatus::Processing,
        }
    }

    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get()
    }

    pub(crate) async fn wait_for_end(&self) {
        let ended = self.ended.notified();
        if self.end().is_none() {
            ended.await;
        }
    }

    fn finish(&self, result: Result<Product, Failure>) {
        let outputs = result.iter().flat_map(|product| &product.outputs);
        self.bytes.fetch_add(outputs.map(String::len).sum(), Ordering::Relaxed);
        // The one task that executes the run is the only caller.
        let _ = self.end.set(End { at: Timestamp::now(), took: self.started.elapsed(), result });
        self.ended.notify_waiters();
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Relaxed)
    }

    /// False when it was deleted before.
    pub(crate) fn delete(&self) -> bool {
        !self.deleted.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn record(&self) -> RunRecord {
        RunRecord::of(self)
    }

    pub(crate) fn flag(&self, input: &str) -> bool {
        self.inputs.get(input).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn text(&self, input: &str) -> Option<&str> {
        self.inputs.get(input).and_then(Value::as_str)
    }
}
