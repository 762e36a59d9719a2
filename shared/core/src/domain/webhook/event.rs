//! What receivers are told, and how often each fact is told: once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::echo::echo;
use crate::base::error::{Error, Result};
use crate::base::id::{EventId, TaskId};
use crate::base::time::Timestamp;

/// The kind of a fact that receivers are told.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
pub enum EventType {
    /// The provider has accepted the run.
    #[serde(rename = "task.started")]
    TaskStarted,
    /// The outputs are in the tenant's bucket, and the run is paid for.
    #[serde(rename = "task.completed")]
    TaskCompleted,
    /// The run failed or timed out; nothing is charged.
    #[serde(rename = "task.failed")]
    TaskFailed,
    /// The run was cancelled; nothing is charged.
    #[serde(rename = "task.cancelled")]
    TaskCancelled,
    /// An endpoint was disabled because it only failed, or because it answered 410.
    #[serde(rename = "endpoint.disabled")]
    EndpointDisabled,
    /// A delivery has used up its attempts.
    #[serde(rename = "delivery.exhausted")]
    DeliveryExhausted,
    /// The balance is below the amount that was set, or a fifth of the last top-up.
    #[serde(rename = "balance.low")]
    BalanceLow,
    /// The month's charges have reached a part of the budget.
    #[serde(rename = "budget.threshold")]
    BudgetThreshold,
    /// The destination refuses outputs, for a reason that the tenant can mend.
    #[serde(rename = "destination.failing")]
    DestinationFailing,
    /// The destination takes outputs again.
    #[serde(rename = "destination.recovered")]
    DestinationRecovered,
    /// The provider has not answered for a while; to the operator alone.
    #[serde(rename = "provider.unreachable")]
    ProviderUnreachable,
    /// Nobody knows whether the provider accepted a submit; to the operator alone.
    #[serde(rename = "task.in_doubt")]
    TaskInDoubt,
    /// A job has failed too often; to the operator alone.
    #[serde(rename = "dead_letter.added")]
    DeadLetterAdded,
}

impl EventType {
    pub const ALL: [Self; 13] = [
        Self::TaskStarted,
        Self::TaskCompleted,
        Self::TaskFailed,
        Self::TaskCancelled,
        Self::EndpointDisabled,
        Self::DeliveryExhausted,
        Self::BalanceLow,
        Self::BudgetThreshold,
        Self::DestinationFailing,
        Self::DestinationRecovered,
        Self::ProviderUnreachable,
        Self::TaskInDoubt,
        Self::DeadLetterAdded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskStarted => "task.started",
            Self::TaskCompleted => "task.completed",
            Self::TaskFailed => "task.failed",
            Self::TaskCancelled => "task.cancelled",
            Self::EndpointDisabled => "endpoint.disabled",
            Self::DeliveryExhausted => "delivery.exhausted",
            Self::BalanceLow => "balance.low",
            Self::BudgetThreshold => "budget.threshold",
            Self::DestinationFailing => "destination.failing",
            Self::DestinationRecovered => "destination.recovered",
            Self::ProviderUnreachable => "provider.unreachable",
            Self::TaskInDoubt => "task.in_doubt",
            Self::DeadLetterAdded => "dead_letter.added",
        }
    }

    /// Kind `Invalid`, naming the event types there are.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            let text = format!("'{}' is not an event type; there are {known}", echo(text));
            Error::invalid("invalid_parameter", text).field("event_types")
        })
    }

    /// True when the fact is about a task, and is written with it.
    pub fn is_of_task(self) -> bool {
        matches!(
            self,
            Self::TaskStarted | Self::TaskCompleted | Self::TaskFailed | Self::TaskCancelled
        )
    }

    /// True when only the operator is told, not the tenant.
    pub fn is_of_operator(self) -> bool {
        matches!(
            self,
            Self::ProviderUnreachable | Self::TaskInDoubt | Self::DeadLetterAdded
        )
    }

    /// True when the task is over with it.
    pub fn is_end(self) -> bool {
        self.is_of_task() && self != Self::TaskStarted
    }

    /// True when a receiver of these types is told. None means all but `task.started`, which most
    /// receivers have no use for. Who named `task.failed` also hears of cancelled tasks, which
    /// earlier releases told as failed.
    pub fn is_among(self, named: &[Self]) -> bool {
        match self {
            Self::TaskStarted => named.contains(&self),
            Self::TaskCancelled if named.contains(&Self::TaskFailed) => true,
            _ => named.is_empty() || named.contains(&self),
        }
    }

    /// The id of a task's event of this type: the same over attempts, endpoints and replays. A task
    /// ends once, and the id of its end is the one that earlier releases gave it.
    pub fn id_of(self, task: &TaskId) -> EventId {
        EventId::of_task(task, self == Self::TaskStarted)
    }
}

/// What `data` says in a sample, which no task made: `"test": true` tells it from the others.
impl EventType {
    pub fn sample(self, at: Timestamp) -> Value {
        let task = "0198f2c8a1b97c3e8d4f5a6b7c8d9e0f";
        let started = json!({
            "test": true,
            "id": task,
            "model": "wavespeed-ai/flux-kontext-max",
            "status": "processing",
            "created_at": at.rfc3339(),
            "urls": { "get": format!("https://gateway.example/api/v3/predictions/{task}/result") },
        });
        let ended = |status: &str, more: Value| {
            let rest = json!({
                "status": status,
                "outputs": [],
                "has_nsfw_contents": [],
                "error": "",
                "timings": { "inference": 0 },
            });
            merged(merged(started.clone(), rest), more)
        };
        match self {
            Self::TaskStarted => started,
            Self::TaskCompleted => ended("completed", completed_sample()),
            Self::TaskFailed => ended(
                "failed",
                json!({ "error": "the input was refused", "code": 1000, "reason": "provider_failed" }),
            ),
            Self::TaskCancelled => ended("cancelled", json!({})),
            Self::EndpointDisabled => json!({
                "test": true,
                "endpoint_id": "0198f2c8a1b97c3e8d4f5a6b7c8d9e10",
                "reason": "failing",
                "disabled_at": at.rfc3339(),
                "failing_since": at.rfc3339(),
                "consecutive_failures": 40,
            }),
            Self::DeliveryExhausted => json!({
                "test": true,
                "delivery_id": format!("{task}-00"),
                "event_id": format!("evt_{task}"),
                "event_type": Self::TaskCompleted,
                "task_id": task,
                "endpoint_id": "0198f2c8a1b97c3e8d4f5a6b7c8d9e10",
                "attempts": 8,
                "last_status": 503,
                "last_error": "the receiver answered 503",
            }),
            Self::BalanceLow
            | Self::BudgetThreshold
            | Self::DestinationFailing
            | Self::DestinationRecovered
            | Self::ProviderUnreachable
            | Self::TaskInDoubt
            | Self::DeadLetterAdded => alert_sample(self, at),
        }
    }
}

fn alert_sample(event: EventType, at: Timestamp) -> Value {
    match event {
        EventType::BalanceLow => json!({
            "test": true,
            "tenant_id": "acme",
            "available_usd": 4.92,
            "threshold_usd": 5.0,
        }),
        EventType::BudgetThreshold => json!({
            "test": true,
            "tenant_id": "acme",
            "percent": 80,
            "limit_usd": 500.0,
            "spent_usd": 400.08,
            "month": "2026-11",
            "resets_at": at.rfc3339(),
        }),
        EventType::DestinationFailing => json!({
            "test": true,
            "tenant_id": "acme",
            "bucket": "acme-outputs",
            "code": "bucket_denied",
            "message": "bucket 'acme-outputs' refuses the role s3:PutObject; allow s3:PutObject and s3:GetObject, and the use of its KMS key",
            "since": at.rfc3339(),
        }),
        EventType::DestinationRecovered => json!({
            "test": true,
            "tenant_id": "acme",
            "bucket": "acme-outputs",
            "code": "bucket_denied",
            "since": at.rfc3339(),
            "recovered_at": at.rfc3339(),
        }),
        EventType::TaskInDoubt => json!({
            "test": true,
            "tenant_id": "acme",
            "task_id": "0198f2c8a1b97c3e8d4f5a6b7c8d9e0f",
            "model": "wavespeed-ai/flux-kontext-max",
            "since": at.rfc3339(),
        }),
        EventType::DeadLetterAdded => json!({
            "test": true,
            "tenant_id": "acme",
            "lane": "archive",
            "task_id": "0198f2c8a1b97c3e8d4f5a6b7c8d9e0f",
            "failures": 20,
            "code": "bucket_unavailable",
            "added_at": at.rfc3339(),
        }),
        _ => json!({ "test": true, "since": at.rfc3339() }),
    }
}

fn completed_sample() -> Value {
    json!({
        "outputs": ["https://bucket.example/sample.jpg"],
        "has_nsfw_contents": [false],
        "timings": { "inference": 4_200 },
        "objects": [{
            "archived": true,
            "s3_uri": "s3://bucket/sample.jpg",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "bytes": 0,
            "content_type": "image/jpeg",
        }],
        "archived": true,
        "charged_usd": 0.08,
    })
}

/// The first object with the members of the second.
fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_is_read_back_and_stored_by_its_name() {
        for event in EventType::ALL {
            assert_eq!(EventType::parse(event.as_str()).unwrap(), event);
            let stored = serde_json::to_string(&event).unwrap();
            assert_eq!(stored, format!("\"{}\"", event.as_str()));
        }
        let error = EventType::parse("task.done").unwrap_err();
        assert_eq!(error.field.as_deref(), Some("event_types"));
        assert!(error.message.contains("task.completed, task.failed"));
    }

    #[test]
    fn who_names_no_type_is_told_everything_but_starts() {
        let told = |named: &[EventType]| EventType::ALL.map(|event| event.is_among(named));

        let all = EventType::ALL.map(|event| event != EventType::TaskStarted);
        assert_eq!(told(&[]), all);
        let started = EventType::ALL.map(|event| event == EventType::TaskStarted);
        assert_eq!(told(&[EventType::TaskStarted]), started);
        let failed = EventType::ALL
            .map(|event| matches!(event, EventType::TaskFailed | EventType::TaskCancelled));
        assert_eq!(told(&[EventType::TaskFailed]), failed);
    }

    #[test]
    fn a_task_s_events_have_an_id_each_and_its_end_has_the_one_it_always_had() {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();

        let end = EventType::TaskCompleted.id_of(&task);
        assert_eq!(end.as_str(), format!("evt_{task}"));
        assert_eq!(EventType::TaskFailed.id_of(&task), end);
        assert_ne!(EventType::TaskStarted.id_of(&task), end);
    }
}
