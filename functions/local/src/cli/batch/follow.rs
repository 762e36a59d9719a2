//! Waits for a batch, with progress that is visible on a terminal and without one.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;
use serde_json::Value;

use super::super::exit::Exit;
use super::super::print::{PrintArgs, word};
use crate::client::{BrokenOff, NothingAnswers, TenantClient};

/// Between two looks at a batch.
const POLL_EVERY: Duration = Duration::from_millis(400);
/// How long a server may be away, for example while it is restarted.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Without a terminal there is a line for each such part of the batch.
const PARTS: u64 = 10;

/// What was told of the batch so far.
struct Progress<'a> {
    bar: &'a ProgressBar,
    print: PrintArgs,
    waiting_for: String,
    part: u64,
}

/// The batch once all of it has ended. Fails as still running after so many seconds, if given.
pub(super) async fn until_end(
    client: &TenantClient,
    id: &str,
    bar: &ProgressBar,
    print: PrintArgs,
    wait: Option<u64>,
) -> Result<Value> {
    let mut progress = Progress {
        bar,
        print,
        waiting_for: String::new(),
        part: 0,
    };
    let (began, mut seen) = (Instant::now(), Instant::now());
    loop {
        match client.batch(id).await {
            Ok(batch) => {
                seen = Instant::now();
                progress.show(&batch);
                if !batch["ended_at"].is_null() {
                    bar.finish_and_clear();
                    return Ok(batch);
                }
            }
            Err(error) if is_away(&error) && seen.elapsed() < AWAY_MAX => {
                bar.set_message("the server does not answer");
            }
            Err(error) => return Err(error.context(continues(id))),
        }
        if wait.is_some_and(|seconds| began.elapsed() >= Duration::from_secs(seconds)) {
            bar.finish_and_clear();
            return Err(Exit::Running.error(continues(id)));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

fn continues(id: &str) -> String {
    format!("batch {id} continues; call the same command again to go on")
}

fn is_away(error: &anyhow::Error) -> bool {
    error.is::<NothingAnswers>() || error.is::<BrokenOff>()
}

impl Progress<'_> {
    fn show(&mut self, batch: &Value) {
        let ended = ["completed", "failed", "refused"].map(|it| count(batch, it));
        let (lines, ended) = (count(batch, "lines"), ended.iter().sum::<u64>());
        self.bar.set_length(lines);
        self.bar.set_position(ended);
        let waiting_for = word(batch, "/waiting_for");
        self.bar.set_message(match waiting_for {
            "" => word(batch, "/state").to_owned(),
            code => format!("waits: {code}"),
        });
        if waiting_for != self.waiting_for {
            self.waiting_for = waiting_for.to_owned();
            let text = match waiting_for {
                "" => "the batch goes on".to_owned(),
                code => format!("the batch waits: {code}"),
            };
            self.bar.suspend(|| self.print.note(text));
        }
        let part = ended * PARTS / lines.max(1);
        if self.bar.is_hidden() && part > self.part {
            self.part = part;
            self.print
                .note(format_args!("{ended} of {lines} lines have ended"));
        }
    }
}

pub(super) fn count(batch: &Value, name: &str) -> u64 {
    batch.get(name).and_then(Value::as_u64).unwrap_or(0)
}
