//! `fluxgate batch`: a file of tasks in one request.

pub(super) mod edits;
mod follow;
mod items;
mod journal;
mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use fluxgate_core::digest::sha256;
use fluxgate_core::json::{self, JsonBounds};

use super::access::AccessArgs;
use super::exit::usage;
use super::print::PrintArgs;
use super::progress;
use super::signals::{Stopped, stop_signal};
use crate::client::text;

#[derive(Args)]
pub(super) struct BatchArgs {
    /// One JSON object per line: the body of POST /v1/tasks, with 'idempotency_key' and 'reference'
    /// if you like
    file: PathBuf,
    #[command(flatten)]
    access: AccessArgs,
    /// Where the results go, as JSON lines [default: FILE.results.jsonl]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Names the batch: the same file with the same key is the same batch, and with another key it
    /// runs again
    #[arg(long, default_value = "", hide_default_value = true)]
    key: String,
    /// Overwrite a file that exists already. One that an earlier call with the same FILE wrote is
    /// replaced in any case
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    print: PrintArgs,
    /// How long to wait, in seconds; the batch continues in any case [default: until it has ended]
    #[arg(long, value_name = "S")]
    wait: Option<u64>,
}

pub(super) async fn run(args: BatchArgs) -> Result<()> {
    tokio::select! {
        outcome = batch(&args) => outcome,
        stop = stop_signal() => Err(Stopped { stop, text: STOPPED.to_owned() }.into()),
    }
}

/// Nobody writes so slowly.
const LEFT_FOR: Duration = Duration::from_secs(3_600);

const STOPPED: &str = "stopped; what was accepted continues: call the same command again to go on and get the results";

async fn batch(args: &BatchArgs) -> Result<()> {
    let file = &args.file;
    let lines = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| beside(file, ".results.jsonl"));
    check_lines(file, &lines)?;
    // The same file, called again, goes on with its batch.
    let parts = [args.key.as_bytes(), b"\n", &lines].concat();
    let key = format!("file-{}", hex::encode(sha256(&parts)));
    let of = hex::encode(sha256(
        format!("{} {key}", args.access.tenant_digest()).as_bytes(),
    ));
    results::check(&out, file, &of, args.force)?;
    results::remove_leftovers(results::folder_of(&out), LEFT_FOR);
    let client = args.access.client().await?;
    let created = client.create_batch(&lines, &key).await?;
    let id = text(&created, "id")?;
    args.print.note(format_args!("batch {id}"));
    let bar = progress::counter(args.print);
    let ended = follow::until_end(&client, &id, &bar, args.print, args.wait).await?;
    let results = results::marked(client.batch_results(&id).await?, &of);
    results::save(&out, &results)?;
    results::tell(args.print, &ended, &results, &out)
}

/// A file of another kind has no line that could be a task.
fn check_lines(file: &Path, lines: &[u8]) -> Result<()> {
    let mut lines = lines.split(|byte| *byte == b'\n');
    let is_object = |line: &[u8]| {
        let value = json::value(line.trim_ascii(), JsonBounds::REQUEST);
        value.is_ok_and(|value| value.is_object())
    };
    if lines.any(is_object) {
        return Ok(());
    }
    Err(usage(format!(
        "{} is no file of tasks: each line must be a JSON object with 'model' and 'input'; 'fluxgate edit --batch' takes a list of pictures",
        file.display()
    )))
}

/// The file's name and this behind it.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    file.with_file_name(name)
}

/// Fails for a line that the file must not have.
fn line_error(file: &Path, number: usize, why: &str) -> Result<()> {
    bail!("{} line {number}: {why}", file.display())
}
