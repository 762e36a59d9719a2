//! The bounds that an operator may set.

use anyhow::{Context as _, Result, bail};
use figment::Figment;
use figment::providers::{Env, Serialized};
use fluxgate_core::bounds::{BatchBounds, Bounds, CopyBounds, HealthTerms};
use serde::{Deserialize, Serialize};

/// The bounds that can be set; the rest keep the defaults of [`Bounds`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundsSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_in_flight_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_output_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_memory_bytes_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_file_bytes_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_wait_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denials_min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denials_span_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fair_queue_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_stall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_again_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_link_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_down_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs_kept_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polls_per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_schedule_ms: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries_kept_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabling_settles_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker_failures: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker_first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_failing_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_wait_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_at_once: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_waiting_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_in_all: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_tasks_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox_unread_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox_settle_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_stream_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_streams_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_tasks_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs_kept_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_kept_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_in_progress_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batches_unfinished_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batches_kept_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_waiting_max_ms: Option<u64>,
}

/// The bounds of the process that serves a folder, as it notes them for the commands beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedBounds {
    /// Whether completions come by webhook.
    pub webhooks: bool,
    pub bounds: BoundsSettings,
}

/// Of a folder that no server has noted them in.
impl Default for NotedBounds {
    fn default() -> Self {
        Self {
            webhooks: true,
            bounds: BoundsSettings::default(),
        }
    }
}

impl NotedBounds {
    pub fn in_force(&self) -> Bounds {
        self.bounds.bounds(self.webhooks)
    }

    /// The bounds for a command: these, and over them those of its own environment.
    pub fn with_environment(self) -> Result<Bounds> {
        let figment = Figment::from(Serialized::defaults(self.bounds))
            .merge(Env::prefixed("FLUXGATE_BOUNDS__"));
        let bounds: BoundsSettings = figment.extract().map_err(super::one_line)?;
        bounds.check()?;
        Ok(bounds.bounds(self.webhooks))
    }
}

impl BoundsSettings {
    /// Fails for a bound of nothing, which nothing would pass.
    pub(super) fn check(&self) -> Result<()> {
        let bounds = serde_json::to_value(self).context("the bounds cannot be read")?;
        let mut bounds = bounds.as_object().into_iter().flatten();
        match bounds.find(|(_, value)| value.as_u64() == Some(0)) {
            Some((name, _)) => {
                bail!(
                    "the bound '{name}' is 0, and nothing could pass it; write at least 1, or leave it out for its default"
                )
            }
            None => Ok(()),
        }
    }

    /// The bounds in force, with a quicker watch where polling is the only way.
    pub fn bounds(&self, webhooks: bool) -> Bounds {
        let mut bounds = if webhooks {
            Bounds::default()
        } else {
            Bounds::default().polling_only()
        };
        set(&mut bounds.body_bytes_max, self.body_bytes_max);
        set(
            &mut bounds.tenant_in_flight_bytes_max,
            self.tenant_in_flight_bytes_max,
        );
        set(&mut bounds.in_flight_bytes_max, self.in_flight_bytes_max);
        set(
            &mut bounds.request_rate.per_second,
            self.requests_per_second,
        );
        set(&mut bounds.request_rate.burst, self.burst);
        set(&mut bounds.upload_bytes_max, self.upload_bytes_max);
        // One setting for both: nothing on this machine makes them differ.
        set(
            &mut bounds.ticket_bytes_max,
            self.upload_bytes_max.map(|bytes| bytes as u64),
        );
        set(&mut bounds.output_bytes_max, self.output_bytes_max);
        set(
            &mut bounds.inline_output_bytes_max,
            self.inline_output_bytes_max,
        );
        set(&mut bounds.sources_bytes_max, self.sources_bytes_max);
        self.copies(&mut bounds.copies);
        set(&mut bounds.output_timeout_ms, self.output_timeout_ms);
        set(&mut bounds.submit_timeout_ms, self.submit_timeout_ms);
        set(&mut bounds.uploads_max_ms, self.uploads_max_ms);
        set(&mut bounds.unknown_max_ms, self.unknown_max_ms);
        set(&mut bounds.denial.denials_min, self.denials_min);
        set(&mut bounds.denial.span_ms, self.denials_span_ms);
        set(&mut bounds.fair_queue_max_ms, self.fair_queue_max_ms);
        set(&mut bounds.archive_stall_ms, self.archive_stall_ms);
        set(&mut bounds.archive_max_ms, self.archive_max_ms);
        set(&mut bounds.archive_again_ms, self.archive_again_ms);
        set(&mut bounds.dead_link_max_ms, self.dead_link_max_ms);
        set(&mut bounds.provider_down_ms, self.provider_down_ms);
        set(&mut bounds.outputs_kept_ms, self.outputs_kept_ms);
        self.watches(&mut bounds);
        set(&mut bounds.relay.timeout_ms, self.callback_timeout_ms);
        set(
            &mut bounds.relay.schedule_ms,
            self.callback_schedule_ms.clone(),
        );
        set(
            &mut bounds.relay.deliveries_kept_ms,
            self.deliveries_kept_ms,
        );
        set(
            &mut bounds.relay.enabling_settles_ms,
            self.enabling_settles_ms,
        );
        set(
            &mut bounds.relay.endpoint_concurrency,
            self.endpoint_concurrency,
        );
        self.endpoint_health(&mut bounds.relay.health);
        self.reads(&mut bounds);
        self.inboxes(&mut bounds);
        self.batches(&mut bounds.batch);
        bounds
    }
}

impl BoundsSettings {
    /// Whether there is a bound of this name.
    pub(super) fn has(name: &str) -> bool {
        Self::deserialize(serde_json::json!({ name: null })).is_ok()
    }

    fn watches(&self, bounds: &mut Bounds) {
        set(&mut bounds.watch.first_ms, self.watch_first_ms);
        set(&mut bounds.watch.max_ms, self.watch_max_ms);
        set(&mut bounds.polls_per_second, self.polls_per_second);
        set(&mut bounds.wake.first_ms, self.wake_first_ms);
        set(&mut bounds.wake.max_ms, self.wake_max_ms);
    }

    fn copies(&self, copies: &mut CopyBounds) {
        set(&mut copies.memory_bytes_max, self.copy_memory_bytes_max);
        set(&mut copies.file_bytes_max, self.copy_file_bytes_max);
        set(&mut copies.wait_max_ms, self.copy_wait_max_ms);
    }

    fn batches(&self, batch: &mut BatchBounds) {
        set(&mut batch.bytes_max, self.batch_bytes_max);
        set(&mut batch.in_progress_max, self.batch_in_progress_max);
        set(&mut batch.unfinished_max, self.batches_unfinished_max);
        set(&mut batch.kept_ms, self.batches_kept_ms);
        set(&mut batch.pace.first_ms, self.batch_first_ms);
        set(&mut batch.waiting.max_ms, self.batch_waiting_max_ms);
    }

    fn reads(&self, bounds: &mut Bounds) {
        set(&mut bounds.sync_wait_max_ms, self.sync_wait_max_ms);
        set(&mut bounds.reads_at_once, self.reads_at_once);
        set(&mut bounds.reads_waiting_max, self.reads_waiting_max);
        set(&mut bounds.reads_in_all, self.reads_in_all);
        set(&mut bounds.page_tasks_max, self.page_tasks_max);
        set(&mut bounds.usage_tasks_max, self.usage_tasks_max);
        set(&mut bounds.inputs_kept_ms, self.inputs_kept_ms);
        set(&mut bounds.tasks_kept_ms, self.tasks_kept_ms);
    }

    fn inboxes(&self, bounds: &mut Bounds) {
        set(
            &mut bounds.relay.inbox_unread_max_ms,
            self.inbox_unread_max_ms,
        );
        set(&mut bounds.relay.inbox_settle_ms, self.inbox_settle_ms);
        set(
            &mut bounds.relay.event_stream_max_ms,
            self.event_stream_max_ms,
        );
        set(&mut bounds.relay.event_streams_max, self.event_streams_max);
    }

    fn endpoint_health(&self, health: &mut HealthTerms) {
        set(&mut health.failures_to_open, self.breaker_failures);
        set(&mut health.open_first_ms, self.breaker_first_ms);
        set(&mut health.open_max_ms, self.breaker_max_ms);
        set(&mut health.failing_max_ms, self.endpoint_failing_max_ms);
    }
}

fn set<T>(bound: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *bound = value;
    }
}
