//! `fluxgate restoration status|start`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::counted;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::admin::{CallArgs, cursor_query};
use super::print::{Facts, PrintArgs};
use crate::client::Admin;

#[derive(Args)]
pub(super) struct RestorationArgs {
    #[command(subcommand)]
    command: RestorationCommand,
}

#[derive(Subcommand)]
enum RestorationCommand {
    /// Show whether submits are refused because the table was restored from a backup
    Status(CallArgs),
    /// Bring every task into doubt that may have been sent since the backup, watch all open tasks
    /// again, and then take new ones; may be interrupted and run again
    Start(CallArgs),
}

pub(super) async fn run(args: RestorationArgs) -> Result<()> {
    match args.command {
        RestorationCommand::Status(call) => status(call.print, &call.admin.admin()?).await,
        RestorationCommand::Start(call) => {
            // Who holds a drill's folder is who goes on with its jobs.
            let (admin, _lock) = call.admin.admin_of_holder()?;
            start(call.print, &admin).await
        }
    }
}

#[derive(Deserialize)]
struct StatusAnswer {
    needed: bool,
    #[serde(default)]
    drill: bool,
}

async fn status(print: PrintArgs, admin: &Admin) -> Result<()> {
    let StatusAnswer { needed, drill } = admin.get("/restoration", &[]).await?;
    let text = match (needed, drill) {
        (true, true) => {
            "a drill: nothing is taken or sent; 'fluxgate restoration start' makes it the real installation"
        }
        (true, false) => "needed: submits are refused until 'fluxgate restoration start' has run",
        (false, _) => "not needed",
    };
    print.print(&Facts {
        json: json!({ "needed": needed, "drill": drill }),
        quiet: needed.to_string(),
        text: text.to_owned(),
    })
}

/// What the admin API answers to one step; or the sum of several.
#[derive(Default, Deserialize)]
struct StepAnswer {
    state: String,
    tenants: usize,
    tasks_in_doubt: usize,
    batches_cancelled: usize,
    watched: usize,
    deliveries: usize,
    next: Option<String>,
}

impl StepAnswer {
    fn add(&mut self, step: Self) {
        self.tenants += step.tenants;
        self.tasks_in_doubt += step.tasks_in_doubt;
        self.batches_cancelled += step.batches_cancelled;
        self.watched += step.watched;
        self.deliveries += step.deliveries;
        self.state = step.state;
        self.next = step.next;
    }
}

async fn start(print: PrintArgs, admin: &Admin) -> Result<()> {
    let mut sum = StepAnswer::default();
    loop {
        let query = cursor_query(sum.next.as_deref());
        let step = admin.call(Method::POST, "/restoration", &query, None);
        let step: StepAnswer = step.await?;
        sum.add(step);
        if sum.next.is_none() {
            break;
        }
        print.note(format_args!(
            "{} and {} seen to so far",
            counted(sum.tenants, "tenant"),
            counted(sum.watched, "open task")
        ));
    }
    let text = match sum.state.as_str() {
        "done" => told(&sum),
        "not_needed" => {
            "nothing to do: the installation was not restored from a backup, or was seen to before"
                .to_owned()
        }
        other => bail!("the server is in the unknown state '{other}'; use its own release"),
    };
    print.print(&Facts {
        json: json!({
            "state": sum.state, "tenants": sum.tenants, "tasks_in_doubt": sum.tasks_in_doubt,
            "batches_cancelled": sum.batches_cancelled, "watched": sum.watched,
            "deliveries": sum.deliveries,
        }),
        quiet: sum.state.clone(),
        text,
    })?;
    if sum.state == "done" {
        print.note(
            "submits are accepted again; next: 'fluxgate accounts check', and 'fluxgate reconcile', which lists runs of tasks that came after the backup",
        );
    }
    Ok(())
}

fn told(sum: &StepAnswer) -> String {
    format!(
        "{}: {} in doubt, {} watched again, {} sent again; batches cancelled: {}",
        counted(sum.tenants, "tenant"),
        counted(sum.tasks_in_doubt, "task"),
        counted(sum.watched, "open task"),
        counted(sum.deliveries, "callback"),
        sum.batches_cancelled,
    )
}
