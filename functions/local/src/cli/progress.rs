//! Waiting for a task where somebody can see it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::client::{TenantClient, text};

/// Between two looks at a task.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// A line that moves on a terminal and is silent elsewhere.
pub(super) fn line(quiet: bool) -> ProgressBar {
    if quiet {
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

/// The prediction at its end. Fails when it failed, with its reason, or when `within` passes.
pub(super) async fn until_end(client: &TenantClient, id: &str, within: Duration, bar: &ProgressBar) -> Result<Value> {
    let deadline = Instant::now() + within;
    loop {
        let prediction = client.result(id).await?;
        let status = text(&prediction, "status")?;
        bar.set_message(format!("task {id}: {status}"));
        match status.as_str() {
            "completed" => return Ok(prediction),
            "created" | "processing" if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
            "created" | "processing" => {
                bail!(
                    "task {id} is still {status} after {} s; it goes on: look again with 'fluxgate tasks'",
                    within.as_secs()
                )
            }
            ended => bail!("task {id} {ended}: {}", text(&prediction, "error").unwrap_or_default()),
        }
    }
}
