//! `fluxgate cancel` and `fluxgate retry`: both call the gateway.

use anyhow::Result;
use clap::Args;
use fluxgate_core::id::TaskId;
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock, SystemEntropy};
use reqwest::Method;
use serde_json::Value;

use super::access::AccessArgs;
use super::print::{Facts, PrintArgs, shown, word};

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate cancel TASK --tenant acme --data ./data
  fluxgate retry TASK --url https://gateway.example   (with FLUXGATE_TOKEN)")]
pub(super) struct TaskEndArgs {
    /// The task, by the id that 'edit' and 'tasks' print
    task: TaskId,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    print: PrintArgs,
}

pub(super) async fn cancel(args: TaskEndArgs) -> Result<()> {
    let client = args.access.client().await?;
    let path = format!("/v1/tasks/{}/cancel", args.task);
    let task = client.call(Method::POST, &path, None).await?;
    args.show(&task)
}

/// A key of its own makes it one run, even if the answer is lost and the request sent again.
pub(super) async fn retry(args: TaskEndArgs) -> Result<()> {
    let client = args.access.client().await?;
    let key = SystemEntropy.id32(SystemClock.now());
    let task = client.retry(args.task.as_str(), &key).await?;
    args.show(&task)
}

impl TaskEndArgs {
    fn show(&self, task: &Value) -> Result<()> {
        let (id, state) = (word(task, "/id"), word(task, "/state"));
        self.print.print(&Facts {
            json: task.clone(),
            quiet: id.to_owned(),
            text: format!("{}  {}", shown(id), shown(state)),
        })
    }
}
