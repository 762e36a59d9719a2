//! `fluxgate tasks`: all tenants' tasks, and what the operator does about one.

mod act;
mod list;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::id::{TaskId, TenantId};
use serde_json::Value;

use super::admin::AdminArgs;
use super::print::PrintArgs;
use list::ListArgs;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct TasksArgs {
    #[command(subcommand)]
    command: Option<TasksCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Subcommand)]
enum TasksCommand {
    /// Show a task: its state, its run at the provider, its money and where its outputs are
    Show(OneTask),
    /// Show a task's steps and callbacks
    Timeline(OneTask),
    /// Cancel a task that was not sent to the provider yet
    Cancel(OneTask),
    /// End a task that is stuck and release its hold; a run that is proven later is an orphan
    Fail {
        #[command(flatten)]
        task: OneTask,
        /// Why, in one line; the tenant reads it
        #[arg(long)]
        reason: String,
    },
    /// Copy the outputs again that are missing in the tenant's bucket
    Archive(OneTask),
    /// Send a task's events again
    Deliver(OneTask),
}

#[derive(Args)]
struct OneTask {
    /// The tenant
    tenant: TenantId,
    /// The id of its task
    task: TaskId,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

impl OneTask {
    fn path(&self) -> String {
        format!("/tenants/{}/tasks/{}", self.tenant, self.task)
    }
}

pub(super) async fn run(args: TasksArgs) -> Result<()> {
    match args.command {
        None => list::run(args.list).await,
        Some(TasksCommand::Show(task)) => show::show(&task).await,
        Some(TasksCommand::Timeline(task)) => {
            let admin = task.admin.admin()?;
            show::timeline(&admin, &task.path(), task.print).await
        }
        Some(TasksCommand::Cancel(task)) => act::state(&task, "cancel", &Value::Null).await,
        Some(TasksCommand::Fail { task, reason }) => {
            let reason = serde_json::json!({ "reason": reason });
            act::state(&task, "fail", &reason).await
        }
        Some(TasksCommand::Archive(task)) => act::state(&task, "archive", &Value::Null).await,
        Some(TasksCommand::Deliver(task)) => act::deliver(&task).await,
    }
}

/// A field that is text, or nothing.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}
