//! The charge of one task as a CloudEvent, for billing systems:
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.

use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::base::labels::Labels;
use crate::domain::task::{State, Task};

/// The `type` of the events. A change in the meaning of `data` must change its version.
pub const EVENT_TYPE: &str = "fluxgate.usage.v1";

/// The start of every line, used to recognize a truncated line.
pub const LINE_START: &str = r#"{"specversion":"1.0","id":""#;

/// Structured mode, JSON. The order of the fields is fixed, so that a task always produces the same
/// bytes.
#[derive(Serialize)]
struct UsageEvent<'a> {
    specversion: &'static str,
    /// The task's id, so that receivers can deduplicate repeated events.
    id: &'a TaskId,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a TenantId,
    time: String,
    datacontenttype: &'static str,
    data: UsageData<'a>,
}

#[derive(Serialize)]
struct UsageData<'a> {
    task: &'a TaskId,
    tenant: &'a TenantId,
    model: &'a ModelId,
    outputs: usize,
    outputs_asked: u32,
    charged_micro_usd: i64,
    /// The same amount in USD, exact.
    charged_usd: String,
    /// The provider's price for the run when it was submitted.
    provider_cost_micro_usd: i64,
    created_at: String,
    completed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_run: Option<&'a RunId>,
    /// False if the tenant's own side kept outputs out of its bucket when the task was charged;
    /// otherwise absent. A later copy does not change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<bool>,
    /// The reason: stable, snake case.
    #[serde(skip_serializing_if = "Option::is_none")]
    unarchived_reason: Option<&'a str>,
    /// What the tenant attached to the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Labels>,
}

/// True if the task was charged, even if the amount was zero: only completed tasks are.
pub(crate) fn is_charged(task: &Task) -> bool {
    task.state == State::Completed
}

/// The event of a task that [`is_charged`], with a trailing newline.
pub(crate) fn line(task: &Task) -> Result<String> {
    let completed_at = task.since.rfc3339();
    let event = UsageEvent {
        specversion: "1.0",
        id: &task.id,
        source: format!("/fluxgate/tenants/{}", task.tenant),
        kind: EVENT_TYPE,
        subject: &task.tenant,
        time: completed_at.clone(),
        datacontenttype: "application/json",
        data: UsageData {
            task: &task.id,
            tenant: &task.tenant,
            model: &task.model,
            outputs: task.outputs_made(),
            outputs_asked: task.outputs_asked,
            charged_micro_usd: task.charged.0,
            charged_usd: task.charged.decimal(),
            provider_cost_micro_usd: task.cost.0,
            created_at: task.created_at.rfc3339(),
            completed_at,
            provider_run: task.run.as_ref(),
            archived: task.unarchived.as_ref().map(|_| false),
            unarchived_reason: task
                .unarchived
                .as_ref()
                .map(|unarchived| unarchived.reason.as_str()),
            metadata: Some(&task.metadata).filter(|metadata| !metadata.is_empty()),
        },
    };
    let unwritable = |error| {
        Error::internal("event_unwritable", "a usage event cannot be serialized").source(error)
    };
    Ok(serde_json::to_string(&event).map_err(unwritable)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::domain::metering::usage::cursor::tests::task;
    use crate::domain::money::MicroUsd;
    use crate::domain::task::{Output, ProviderLink, Unarchived};

    #[test]
    fn a_task_s_event_has_the_attributes_of_a_cloud_event_in_this_order() {
        let completed = Task {
            price: MicroUsd(80_000),
            charged: MicroUsd(60_000),
            cost: MicroUsd(40_000),
            outputs_asked: 4,
            since: Timestamp(1_787_618_961_479),
            run: RunId::parse("run-1").ok(),
            ..task(7, State::Completed)
        };

        let line = line(&completed).unwrap();

        let id = &completed.id;
        let wanted = [
            format!(
                r#"{{"specversion":"1.0","id":"{id}","source":"/fluxgate/tenants/acme","type":"fluxgate.usage.v1","#
            ),
            r#""subject":"acme","time":"2026-08-25T00:49:21.479Z","datacontenttype":"application/json","#.to_owned(),
            format!(r#""data":{{"task":"{id}","tenant":"acme","model":"wavespeed-ai/flux-kontext-max","outputs":0,"#),
            r#""outputs_asked":4,"charged_micro_usd":60000,"charged_usd":"0.06","provider_cost_micro_usd":40000,"#
                .to_owned(),
            r#""created_at":"1970-01-01T00:00:00.007Z","completed_at":"2026-08-25T00:49:21.479Z","#.to_owned(),
            "\"provider_run\":\"run-1\"}}\n".to_owned(),
        ];
        assert_eq!(line, wanted.concat());
        assert!(line.starts_with(LINE_START));
    }

    /// The tenant fixed its bucket after the event was exported: exporting again gives the same
    /// event.
    #[test]
    fn an_event_says_how_the_task_was_charged_whatever_was_copied_later() {
        let told = |links: Vec<ProviderLink>, outputs: Vec<Output>| {
            let unarchived = Unarchived {
                reason: "role_denied".to_owned(),
                message: String::new(),
                links,
                expires_at: Timestamp(9),
                asked_at: None,
            };
            line(&Task {
                unarchived: Some(unarchived),
                outputs,
                ..task(7, State::Completed)
            })
            .unwrap()
        };
        let text = |text: &str| text.to_owned();
        let output = Output {
            bucket: text("b"),
            key: text("k"),
            sha256: text(""),
            bytes: 1,
            content_type: text("image/png"),
            ..Output::default()
        };

        let without = told(
            vec![ProviderLink {
                n: 0,
                url: text("https://cdn.example/0"),
            }],
            Vec::new(),
        );
        let with = told(Vec::new(), vec![output]);

        assert_eq!(without, with);
        assert!(
            with.ends_with("\"archived\":false,\"unarchived_reason\":\"role_denied\"}}\n"),
            "{with}"
        );
        assert!(with.contains("\"outputs\":1,"), "{with}");
    }

    #[test]
    fn what_did_not_complete_is_not_charged() {
        let charged = [
            State::Completed,
            State::Failed,
            State::Cancelled,
            State::Timeout,
            State::Archiving,
        ]
        .map(|state| is_charged(&task(1, state)));

        assert_eq!(charged, [true, false, false, false, false]);
    }
}
