//! Waiting for a task, with visible progress.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::exit::Exit;
use super::print::PrintArgs;
use crate::client::{TenantClient, text};

/// Between two looks at a task.
const POLL_EVERY: Duration = Duration::from_millis(150);

/// The state of a task when polling stopped.
pub(super) enum End {
    Completed(Value),
    /// Why there is no output.
    Failed(String),
    /// Still running; its last status.
    Running(String),
}

impl End {
    /// The prediction of a completed task. Fails with the reason if it did not complete, or not
    /// yet.
    pub(super) fn completed(self) -> Result<Value> {
        match self {
            Self::Completed(prediction) => Ok(prediction),
            Self::Failed(why) => Err(anyhow!(why)),
            Self::Running(why) => Err(Exit::Running.error(why)),
        }
    }
}

/// A spinner on a terminal; silent elsewhere.
pub(super) fn line(print: PrintArgs) -> ProgressBar {
    if print.json || print.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar on a terminal for what is counted; silent elsewhere.
pub(super) fn counter(print: PrintArgs) -> ProgressBar {
    if print.json || print.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    bar.set_style(
        ProgressStyle::with_template("{elapsed:>4} {wide_bar} {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Polls the task until it ends or `within` has passed.
pub(super) async fn until_end(
    client: &TenantClient,
    id: &str,
    within: Duration,
    bar: &ProgressBar,
) -> Result<End> {
    let deadline = Instant::now() + within;
    loop {
        let prediction = client.result(id).await?;
        let status = text(&prediction, "status")?;
        bar.set_message(format!("task {id}: {status}"));
        match status.as_str() {
            "completed" => return Ok(End::Completed(prediction)),
            "created" | "processing" if Instant::now() < deadline => {
                tokio::time::sleep(POLL_EVERY).await
            }
            "created" | "processing" => {
                return Ok(End::Running(format!(
                    "task {id} is still {status} and continues"
                )));
            }
            ended => {
                let why = text(&prediction, "error").unwrap_or_default();
                return Ok(End::Failed(format!("task {id} {ended}: {why}")));
            }
        }
    }
}
