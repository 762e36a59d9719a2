//! `fluxgate tasks`.

use anyhow::Result;
use clap::Args;
use fluxgate_core::app::{Operator, TaskTimeline};
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::{Produced, State, Task};
use fluxgate_core::webhook::Target;

use super::{FolderArgs, print};

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
    folder: FolderArgs,
}

pub(super) async fn run(args: TasksArgs) -> Result<()> {
    let operator = args.folder.reader()?.operator(None);
    operator.check_known(&args.tenant).await?;
    match &args.task {
        Some(task) => timeline(&operator, &args.tenant, task).await,
        None => list(&operator, &args).await,
    }
}

async fn list(operator: &Operator, args: &TasksArgs) -> Result<()> {
    for task in operator.tasks(&args.tenant, args.limit).await? {
        let by = task.completed_by.map_or("", |via| via.as_str());
        print::line(format_args!(
            "{}  {}  {:<10} {:<9} {:>7}  {place}",
            task.id,
            task.created_at.rfc3339(),
            task.state.as_str(),
            by,
            charged(&task),
            place = place(&task)
        ))?;
    }
    Ok(())
}

async fn timeline(operator: &Operator, tenant: &TenantId, id: &TaskId) -> Result<()> {
    let TaskTimeline {
        task,
        steps,
        deliveries,
    } = operator.timeline(tenant, id).await?;
    for step in steps {
        let via = step.via.map_or("", |via| via.as_str());
        print::line(format_args!(
            "{:>8} ms  {:<16} {:<9} {}",
            step.at.since_ms(task.created_at),
            step.name,
            via,
            step.detail.unwrap_or_default()
        ))?;
    }
    for delivery in deliveries {
        let to = match &delivery.target {
            Target::Endpoint(endpoint) => format!("endpoint {endpoint}"),
            Target::TaskCallback => "?webhook=".to_owned(),
        };
        for attempt in &delivery.attempts {
            let status = attempt
                .status
                .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            print::line(format_args!(
                "{:>8} ms  callback         {status} in {} ms, {to}",
                attempt.at.since_ms(task.created_at),
                attempt.duration_ms
            ))?;
        }
    }
    Ok(())
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
