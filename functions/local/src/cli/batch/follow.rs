//! Waits for a batch, with visible progress, and saves its results.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::ProgressBar;
use serde_json::Value;

use super::super::print::{Facts, PrintArgs, word};
use crate::client::{BrokenOff, NothingAnswers, TenantClient};

/// Between two looks at a batch.
const POLL_EVERY: Duration = Duration::from_millis(400);
/// How long a server may be away, for example while it is restarted.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// The batch once all of it has ended.
pub(super) async fn until_end(client: &TenantClient, id: &str, bar: &ProgressBar) -> Result<Value> {
    let mut seen = Instant::now();
    loop {
        match client.batch(id).await {
            Ok(batch) => {
                seen = Instant::now();
                show(&batch, bar);
                if !batch["ended_at"].is_null() {
                    bar.finish_and_clear();
                    return Ok(batch);
                }
            }
            Err(error) if is_away(&error) && seen.elapsed() < AWAY_MAX => {
                bar.set_message("the server does not answer");
            }
            Err(error) => {
                let text = format!("batch {id} continues; call the same command again to go on");
                return Err(error.context(text));
            }
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

fn is_away(error: &anyhow::Error) -> bool {
    error.is::<NothingAnswers>() || error.is::<BrokenOff>()
}

fn show(batch: &Value, bar: &ProgressBar) {
    bar.set_length(count(batch, "lines"));
    bar.set_position(
        ["completed", "failed", "refused"]
            .map(|it| count(batch, it))
            .iter()
            .sum(),
    );
    let message = match word(batch, "/waiting_for") {
        "" => word(batch, "/state").to_owned(),
        code => format!("waits: {code}"),
    };
    bar.set_message(message);
}

fn count(batch: &Value, name: &str) -> u64 {
    batch.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// Replaces the file by these lines, whole or not at all.
pub(super) fn save(path: &Path, results: &[Value]) -> Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".fluxgate-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .with_context(unwritable)?;
    for result in results {
        writeln!(file, "{result}").with_context(unwritable)?;
    }
    file.as_file().sync_all().with_context(unwritable)?;
    file.persist(path).with_context(unwritable)?;
    Ok(())
}

/// Tells how the batch ended and where its results are. Fails unless every line completed.
pub(super) fn tell(print: PrintArgs, batch: &Value, results: &Path) -> Result<()> {
    let path = results.display().to_string();
    let mut facts = batch.clone();
    facts["results"] = path.clone().into();
    print.print(&Facts {
        json: facts,
        quiet: path.clone(),
        text: path,
    })?;
    verdict(batch)
}

fn verdict(batch: &Value) -> Result<()> {
    let (lines, completed) = (count(batch, "lines"), count(batch, "completed"));
    if completed == lines {
        return Ok(());
    }
    let missing = lines.saturating_sub(completed);
    bail!("{missing} of {lines} lines did not complete; the results say why")
}
