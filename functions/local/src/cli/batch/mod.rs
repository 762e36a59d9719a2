//! `fluxgate batch`: a file of tasks in one request.

pub(super) mod edits;
mod follow;
mod items;
mod journal;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use fluxgate_core::digest::sha256;

use super::access::AccessArgs;
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
    #[command(flatten)]
    print: PrintArgs,
}

pub(super) async fn run(args: BatchArgs) -> Result<()> {
    tokio::select! {
        outcome = batch(&args) => outcome,
        stop = stop_signal() => Err(Stopped { stop, text: STOPPED.to_owned() }.into()),
    }
}

const STOPPED: &str = "stopped; what was accepted continues: call the same command again to go on and get the results";

async fn batch(args: &BatchArgs) -> Result<()> {
    let file = &args.file;
    let lines = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| beside(file, ".results.jsonl"));
    let client = args.access.client().await?;
    // The same file, called again, goes on with its batch.
    let parts = [args.key.as_bytes(), b"\n", &lines].concat();
    let key = format!("file-{}", hex::encode(sha256(&parts)));
    let created = client.create_batch(&lines, &key).await?;
    let id = text(&created, "id")?;
    args.print.note(format_args!("batch {id}"));
    let ended = follow::until_end(&client, &id, &progress::counter(args.print)).await?;
    let results = client.batch_results(&id).await?;
    follow::save(&out, &results)?;
    follow::tell(args.print, &ended, &out)
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
