//! `fluxgate tasks`.

use anyhow::Result;
use clap::Args;
use fluxgate_core::app::{Operator, TaskTimeline};
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::{Produced, State, Step, Task, Via};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::Target;

use serde_json::{Value, json};

use super::FolderArgs;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct TasksArgs {
    /// The tenant; a deleted one works too
    tenant: TenantId,
    /// A task whose timeline to show
    task: Option<TaskId>,
    /// How many of the newest tasks to list
    #[arg(long, default_value = "20", value_name = "N")]
    limit: usize,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: TasksArgs) -> Result<()> {
    let operator = args.folder.reader()?.operator(None);
    operator.check_known(&args.tenant).await?;
    match &args.task {
        Some(task) => {
            let timeline = operator.timeline(&args.tenant, task).await?;
            args.print.print(&timeline_facts(timeline))
        }
        None => list(&operator, &args).await,
    }
}

async fn list(operator: &Operator, args: &TasksArgs) -> Result<()> {
    let tasks = operator.tasks(&args.tenant, args.limit).await?;
    let lines = |line: fn(&Task) -> String| tasks.iter().map(line).collect::<String>();
    args.print.print(&Facts {
        json: tasks.iter().map(view).collect(),
        quiet: lines(|task| format!("{}\n", task.id)),
        text: lines(line),
    })
}

fn line(task: &Task) -> String {
    format!(
        "{}  {}  {:<10} {:<9} {:>7}  {}\n",
        task.id,
        task.created_at.rfc3339(),
        task.state.as_str(),
        task.completed_by.map_or("", |via| via.as_str()),
        charged(task),
        place(task)
    )
}

fn view(task: &Task) -> Value {
    json!({
        "id": task.id, "model": task.model, "state": task.state.as_str(),
        "created_at": task.created_at.rfc3339(),
        "completed_by": task.completed_by.map(Via::as_str),
        "charged_usd": (task.state == State::Completed).then(|| task.charged.usd()),
        "s3_uris": task.produced().filter_map(|output| match output {
            Produced::Archived(output) => Some(output.s3_uri()),
            Produced::AtProvider(_) => None,
        }).collect::<Vec<_>>(),
    })
}

fn timeline_facts(timeline: TaskTimeline) -> Facts {
    let TaskTimeline {
        task,
        steps,
        deliveries,
    } = timeline;
    let (mut text, mut json) = (String::new(), view(&task));
    let ms = |at: Timestamp| at.since_ms(task.created_at);
    for step in &steps {
        let via = step.via.map_or("", |via| via.as_str());
        let detail = step.detail.as_deref().unwrap_or_default();
        let (ms, name) = (ms(step.at), &step.name);
        text += &format!("{ms:>8} ms  {name:<16} {via:<9} {detail}\n");
    }
    let step = |step: &Step| {
        json!({
            "ms": ms(step.at), "name": step.name, "via": step.via.map(Via::as_str),
            "detail": step.detail,
        })
    };
    json["steps"] = steps.iter().map(step).collect();
    let mut callbacks = Vec::new();
    for delivery in &deliveries {
        let to = match &delivery.target {
            Target::Endpoint(endpoint) => format!("endpoint {endpoint}"),
            Target::TaskCallback => "?webhook=".to_owned(),
        };
        for attempt in &delivery.attempts {
            let status = attempt.status.map(|status| status.to_string());
            let status = status.unwrap_or_else(|| "no answer".to_owned());
            let (ms, took) = (ms(attempt.at), attempt.duration_ms);
            text += &format!("{ms:>8} ms  callback         {status} in {took} ms, {to}\n");
            callbacks.push(json!({
                "ms": ms, "delivery": delivery.id, "status": attempt.status, "duration_ms": took,
            }));
        }
    }
    json["callbacks"] = callbacks.into();
    Facts {
        json,
        quiet: task.state.as_str().to_owned(),
        text,
    }
}

/// Where its first output is.
fn place(task: &Task) -> String {
    if task.deleted.is_some() {
        return "deleted by its tenant".to_owned();
    }
    match task.produced().next() {
        Some(Produced::Archived(output)) => output.s3_uri(),
        Some(Produced::AtProvider(_)) => {
            "not in the bucket; the result links to the provider".to_owned()
        }
        None => String::new(),
    }
}

/// What the task cost; nothing unless it completed.
fn charged(task: &Task) -> String {
    if task.state == State::Completed {
        task.charged.to_string()
    } else {
        "-".to_owned()
    }
}
