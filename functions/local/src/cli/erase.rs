//! `fluxgate erase`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use fluxgate_core::counted;
use fluxgate_core::id::{TaskId, TenantId};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};
use crate::client::Admin;

/// A gateway asks for far less.
const WAIT_MS_MAX: u64 = 60_000;

/// Whose data is to be erased.
#[derive(Args)]
pub(super) struct EraseArgs {
    /// The tenant, also one that was deleted
    tenant: TenantId,
    /// Only this task of it
    task: Option<TaskId>,
    /// Remove outputs in buckets of Fluxgate's own S3 server, too; those in other buckets are their
    /// owners'
    #[arg(long)]
    outputs: bool,
    /// Count what would be erased, and erase nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Erase it for good
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// What the admin API answers.
#[derive(Default, Deserialize)]
struct StepAnswer {
    tasks_erased: usize,
    tasks_erased_before: usize,
    tasks_running: usize,
    #[serde(default)]
    batches_cancelled: usize,
    outputs_removed: usize,
    outputs_left: usize,
    next: Option<String>,
    #[serde(default)]
    wait_ms: u64,
}

/// Goes on until nothing is left. A run that was interrupted is begun again.
pub(super) async fn run(args: EraseArgs) -> Result<()> {
    if !args.yes && !args.dry_run {
        bail!(
            "erasing cannot be undone: look with --dry-run what would be erased, then erase it with --yes"
        );
    }
    let (admin, held) = args.admin.admin_of_buckets()?;
    let mut sum = StepAnswer::default();
    loop {
        let step = args.step(&admin, sum.next.as_deref()).await?;
        sum.add(step);
        if sum.next.is_none() {
            break;
        }
        let so_far = counted(sum.tasks_erased, "task");
        args.print.note(format_args!("{so_far} so far"));
        let wait_ms = sum.wait_ms.min(WAIT_MS_MAX);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
    if let Some(held) = held.filter(|_| args.yes)
        && let Err(error) = held.end_log()
    {
        args.print.note(format_args!(
            "fluxgate.db-wal may still hold what was erased, because {}; run this again",
            error.message
        ));
    }
    args.tell(&sum)
}

impl EraseArgs {
    async fn step(&self, admin: &Admin, cursor: Option<&str>) -> Result<StepAnswer> {
        let of_task = self.task.as_ref().map(|task| format!("/tasks/{task}"));
        let path = format!(
            "/tenants/{}{}/personal-data",
            self.tenant,
            of_task.unwrap_or_default()
        );
        let flags = [("outputs", self.outputs), ("dry_run", self.dry_run)];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set);
        let flags = flags.map(|(name, _)| (name, "true"));
        let cursor = cursor.map(|cursor| ("cursor", cursor));
        let query: Vec<(&'static str, &str)> = flags.chain(cursor).collect();
        admin.call(Method::DELETE, &path, &query, None).await
    }

    fn tell(&self, sum: &StepAnswer) -> Result<()> {
        let verb = if self.dry_run {
            "would be erased"
        } else {
            "erased"
        };
        let (tasks, removed) = (
            counted(sum.tasks_erased, "task"),
            counted(sum.outputs_removed, "output"),
        );
        let mut text = format!("{tasks} {verb}, {removed} removed; the ledger stays\n");
        text += &self.left(sum);
        self.print.print(&Facts {
            json: json!({
                "tasks_erased": sum.tasks_erased, "tasks_erased_before": sum.tasks_erased_before,
                "tasks_running": sum.tasks_running, "batches_cancelled": sum.batches_cancelled,
                "outputs_removed": sum.outputs_removed, "outputs_left": sum.outputs_left,
                "dry_run": self.dry_run,
            }),
            quiet: sum.tasks_erased.to_string(),
            text,
        })
    }

    /// What else was done, and what is not gone.
    fn left(&self, sum: &StepAnswer) -> String {
        let mut text = String::new();
        if sum.tasks_running > 0 {
            let running = counted(sum.tasks_running, "task");
            text += &format!("{running} at the provider: run this again when they have ended\n");
        }
        if sum.batches_cancelled > 0 {
            let batches = match sum.batches_cancelled {
                1 => "1 batch".to_owned(),
                more => format!("{more} batches"),
            };
            let verb = if self.dry_run { "would be " } else { "" };
            text += &format!("{batches} {verb}cancelled: no more lines are submitted\n");
        }
        if sum.outputs_left > 0 {
            let left = counted(sum.outputs_left, "output");
            let why = match self.outputs {
                true => "left in buckets that are not Fluxgate's: their owners remove them",
                false => "left: --outputs removes those in Fluxgate's own buckets",
            };
            text += &format!("{left} {why}\n");
        }
        text
    }
}

impl StepAnswer {
    fn add(&mut self, step: Self) {
        self.tasks_erased += step.tasks_erased;
        self.tasks_erased_before += step.tasks_erased_before;
        self.tasks_running += step.tasks_running;
        self.batches_cancelled += step.batches_cancelled;
        self.outputs_removed += step.outputs_removed;
        self.outputs_left += step.outputs_left;
        self.next = step.next;
        self.wait_ms = step.wait_ms;
    }
}
