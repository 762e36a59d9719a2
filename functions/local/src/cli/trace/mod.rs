//! `fluxgate trace`: from the `x-request-id` that a tenant quotes to its task, its trace and its
//! fault, by the lines of a log. Calls nobody.

mod told;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::json::{self, JsonBounds};
use serde_json::{Value, json};

use self::told::{REQUEST, answered, field, last_fault, told};
use super::exit::Exit;
use super::print::{Facts, PrintArgs};
use super::variables::{ADMIN_URL, DATA, variable};

/// Lines that are shown; a task has a few dozen.
const LINES_MAX: usize = 1_000;
/// A longer line is none of ours.
const LINE_BYTES_MAX: usize = 64 * 1024;

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate trace 0199c2a7-… --log serve.log
  journalctl -u fluxgate -o cat --since yesterday | fluxgate trace 0199c2a7-…
  infra/trace 0199c2a7-…                  on AWS: fetches the lines, then does the same

The id is the header x-request-id of an answer. \
The id of a task or of a trace finds its lines too. \
The log is of lines in JSON, as 'serve' writes them unless its log is a terminal.")]
pub(super) struct TraceArgs {
    /// What an answer had as its x-request-id; or the id of a task or of a trace
    id: String,
    /// The log to look in, '-' for standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    log: PathBuf,
    #[command(flatten)]
    print: PrintArgs,
}

/// What the log tells of a request.
#[derive(Default)]
struct Found {
    /// The request's own line.
    request: Option<Value>,
    tenant: Option<String>,
    tasks: BTreeSet<String>,
    traces: BTreeSet<String>,
    lines: Vec<Value>,
}

pub(super) fn run(args: &TraceArgs) -> Result<()> {
    let mut log = seekable(&args.log)?;
    let mut found = Found::default();
    let (mut ids, mut is_any) = (BTreeSet::from([args.id.clone()]), false);
    each_line(&mut log, |line| {
        is_any = true;
        if names(line, &ids) {
            found.learn(line);
        }
    })?;
    ids.extend(found.tasks.iter().cloned());
    log.rewind()?;
    each_line(&mut log, |line| {
        if found.lines.len() < LINES_MAX && names(line, &ids) {
            found.learn(line);
            found.lines.push(line.clone());
        }
    })?;
    if found.lines.is_empty() {
        return Err(Exit::NotFound.error(not_found(&args.id, is_any)));
    }
    args.print.print(&found.facts(&args.id))
}

fn not_found(id: &str, is_any: bool) -> String {
    if is_any {
        format!(
            "no line of this log names '{id}'; look in the log of the time of the answer: lines are \
             kept as long as whoever collects them keeps them, and are written at the level info"
        )
    } else {
        "this log has no line of Fluxgate's in JSON; have 'serve' write them by --log-format json"
            .to_owned()
    }
}

/// A log that can be read twice: the id of a task may come after its first lines.
fn seekable(path: &Path) -> Result<File> {
    if path.as_os_str() != "-" {
        let text = || format!("cannot read the log {}", path.display());
        return File::open(path).with_context(text);
    }
    let mut file = tempfile::tempfile().context("no temporary file can be made")?;
    let mut input = io::stdin().lock();
    io::copy(&mut input, &mut file).context("cannot read the log from standard input")?;
    file.rewind()?;
    Ok(file)
}

/// Each line of Fluxgate's. Whatever is before it, as a collector's own prefix, is passed over.
fn each_line(log: &mut File, mut tell: impl FnMut(&Value)) -> Result<()> {
    let mut reader = BufReader::new(log);
    let mut bytes = Vec::new();
    while reader
        .read_until(b'\n', &mut bytes)
        .context("cannot read the log")?
        > 0
    {
        let start = bytes.iter().position(|byte| *byte == b'{');
        let line = start.map(|start| &bytes[start..]);
        let line = line.filter(|line| line.len() <= LINE_BYTES_MAX);
        let line = line.and_then(|line| json::value(line, JsonBounds::REQUEST).ok());
        if let Some(line) = line.filter(|line| line["level"].is_string()) {
            tell(&line);
        }
        bytes.clear();
    }
    Ok(())
}

const IDS: [&str; 3] = ["request.id", "task.id", "trace_id"];

fn names(line: &Value, ids: &BTreeSet<String>) -> bool {
    IDS.iter()
        .filter_map(|name| field(line, name))
        .any(|id| ids.contains(id))
}

impl Found {
    fn learn(&mut self, line: &Value) {
        if self.request.is_none() && line["target"] == REQUEST {
            self.request = Some(line.clone());
        }
        let get = |name| field(line, name).map(str::to_owned);
        self.tenant = self.tenant.take().or_else(|| get("tenant.id"));
        self.tasks.extend(get("task.id"));
        self.traces.extend(get("trace_id"));
    }

    /// How its task failed, else the last line that tells of something that went wrong, else the
    /// code of the answer.
    fn fault(&self) -> Option<String> {
        last_fault(&self.lines)
            .or_else(|| field(self.request.as_ref()?, "error.code").map(str::to_owned))
    }

    fn facts(&self, id: &str) -> Facts {
        let (tasks, traces) = (joined(&self.tasks), joined(&self.traces));
        let mut text = String::new();
        let mut row = |name: &str, value: &str| {
            if !value.is_empty() {
                text += &format!("{name:<9}{value}\n");
            }
        };
        row(
            "request",
            &self.request.as_ref().map(answered).unwrap_or_default(),
        );
        row("tenant", self.tenant.as_deref().unwrap_or_default());
        row("task", &tasks);
        row("trace", &traces);
        row(
            "fault",
            self.fault().as_deref().unwrap_or("none in this log"),
        );
        if let (Some(tenant), Some(task)) = (&self.tenant, self.tasks.first()) {
            let place = place();
            row(
                "more",
                &format!("fluxgate tasks show {tenant} {task}{place}"),
            );
        }
        for line in &self.lines {
            let at = line["timestamp"].as_str().unwrap_or_default();
            text += &format!(
                "\n{at} {:<5} {}",
                line["level"].as_str().unwrap_or_default(),
                told(line)
            );
        }
        Facts {
            json: json!({
                "id": id, "tenant": self.tenant, "tasks": self.tasks, "traces": self.traces,
                "request": self.request, "fault": self.fault(), "lines": self.lines,
            }),
            quiet: if tasks.is_empty() { traces } else { tasks },
            text,
        }
    }
}

fn joined(ids: &BTreeSet<String>) -> String {
    ids.iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Which installation: a log does not say it.
fn place() -> &'static str {
    let is_known = [ADMIN_URL, DATA]
        .into_iter()
        .any(|it| variable(it).is_some());
    if is_known { "" } else { " --data DIR" }
}

#[cfg(test)]
mod tests {
    use fluxgate_core::app::JOB_TARGET;

    use super::*;

    fn line(target: &str, level: &str, own: &Value, span: &Value) -> Value {
        let mut line = json!({ "level": level, "target": target, "span": span });
        let own = own.as_object().cloned().unwrap_or_default();
        line.as_object_mut()
            .into_iter()
            .for_each(|line| line.extend(own.clone()));
        line
    }

    #[test]
    fn a_request_finds_its_task_and_the_task_finds_the_fault() {
        let span = json!({ "request.id": "r", "task.id": "t", "tenant.id": "acme" });
        let lines = [
            line(
                "a",
                "WARN",
                &json!({ "message": "it failed", "error": "no bucket" }),
                &json!({ "task.id": "t", "trace_id": "w", "lane": "archive" }),
            ),
            line(
                REQUEST,
                "INFO",
                &json!({ "message": "request", "http.status": 200 }),
                &span,
            ),
            line(
                REQUEST,
                "INFO",
                &json!({}),
                &json!({ "request.id": "another" }),
            ),
        ];
        let mut found = Found::default();
        let ids = BTreeSet::from(["r".to_owned(), "t".to_owned()]);
        for line in lines.iter().filter(|line| names(line, &ids)) {
            found.learn(line);
            found.lines.push(line.clone());
        }

        let facts = found.facts("r");

        assert_eq!(facts.quiet, "t");
        assert_eq!(facts.json["fault"], "it failed: error=no bucket");
        assert_eq!(facts.json["traces"], json!(["w"]));
        assert_eq!(found.lines.len(), 2);
        assert!(
            facts.text.contains("fluxgate tasks show acme t"),
            "{}",
            facts.text
        );
    }

    fn fault_of(lines: Vec<Value>) -> String {
        let found = Found {
            lines,
            ..Found::default()
        };
        found.fault().unwrap()
    }

    #[test]
    fn a_task_that_failed_a_callback_that_failed_and_a_job_that_waits_are_faults() {
        let span = json!({ "lane": "watch", "job": "watch", "outcome": "again", "attempt": 1,
            "error.code": "provider_unreachable" });
        let waits = line(JOB_TARGET, "INFO", &json!({ "message": "job" }), &span);
        let failed = json!({ "message": "callback attempt failed", "status": 500, "number": 2,
            "class": "server_error", "delivery.id": "t-00" });
        let callback = line("a", "INFO", &failed, &json!({ "lane": "notify" }));
        let loud = line("a", "WARN", &json!({ "message": "odd" }), &json!({}));
        let ended = json!({ "message": "task ended", "state": "failed",
            "error.code": "model_failed" });
        let ended = line("a", "INFO", &ended, &json!({ "lane": "watch" }));
        let completed = json!({ "message": "task ended", "state": "completed" });
        let completed = line("a", "INFO", &completed, &json!({}));

        for (lines, fault) in [
            (
                vec![ended, loud.clone(), callback.clone()],
                "task ended: state=failed, error.code=model_failed",
            ),
            (vec![loud, callback.clone()], "odd"),
            (
                vec![callback, waits.clone(), completed.clone()],
                "callback attempt failed: delivery.id=t-00, number=2, status=500, \
                 class=server_error",
            ),
            (
                vec![waits, completed],
                "the watch job goes on later: error.code=provider_unreachable",
            ),
        ] {
            assert_eq!(fault_of(lines), fault);
        }
    }
}
