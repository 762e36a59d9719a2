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

use self::told::{REQUEST, answered, field, is_refused, is_refused_read, last_fault, told};
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
    /// What is asked about.
    id: String,
    /// The request's own line.
    request: Option<Value>,
    tenant: Option<String>,
    tasks: BTreeSet<String>,
    traces: BTreeSet<String>,
    lines: Vec<Value>,
}

pub(super) fn run(args: &TraceArgs) -> Result<()> {
    let mut log = seekable(&args.log)?;
    let (mut own, mut is_any) = (Vec::new(), false);
    each_line(&mut log, |line| {
        is_any = true;
        if own.len() < LINES_MAX && names(line, &args.id) {
            own.push(line.clone());
        }
    })?;
    let mut found = Found::begin(&args.id, &own);
    log.rewind()?;
    each_line(&mut log, |line| found.take(line))?;
    if found.lines.is_empty() {
        return Err(Exit::NotFound.error(not_found(&args.id, is_any)));
    }
    args.print.print(&found.facts())
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

fn names(line: &Value, id: &str) -> bool {
    IDS.iter().any(|name| field(line, name) == Some(id))
}

impl Found {
    /// By the lines that name the id.
    fn begin(id: &str, own: &[Value]) -> Self {
        let is_its_line =
            |line: &&Value| line["target"] == REQUEST && field(line, "request.id") == Some(id);
        let request = own.iter().find(is_its_line);
        let mut found = Self {
            id: id.to_owned(),
            request: request.cloned(),
            ..Self::default()
        };
        found.tenant = request
            .and_then(|line| field(line, "tenant.id"))
            .map(str::to_owned);
        for line in own {
            if found.is_about(line) {
                found.learn(line);
            }
        }
        found
    }

    /// The task of a read that was refused may be another tenant's, and nothing was done with it.
    fn follows_tasks(&self) -> bool {
        !self.request.as_ref().is_some_and(is_refused_read)
    }

    fn is_about(&self, line: &Value) -> bool {
        let is_others = match (&self.tenant, field(line, "tenant.id")) {
            (Some(tenant), Some(of)) => tenant != of,
            _ => false,
        };
        let is_own = field(line, "request.id") == Some(&self.id);
        !is_others && (is_own || !is_refused_read(line))
    }

    fn take(&mut self, line: &Value) {
        let is_named = names(line, &self.id)
            || field(line, "task.id").is_some_and(|task| self.tasks.contains(task));
        if self.lines.len() < LINES_MAX && is_named && self.is_about(line) {
            self.learn(line);
            self.lines.push(line.clone());
        }
    }

    fn learn(&mut self, line: &Value) {
        if self.request.is_none() && line["target"] == REQUEST {
            self.request = Some(line.clone());
        }
        let get = |name| field(line, name).map(str::to_owned);
        self.tenant = self.tenant.take().or_else(|| get("tenant.id"));
        self.tasks
            .extend(get("task.id").filter(|_| self.follows_tasks()));
        self.traces.extend(get("trace_id"));
    }

    /// The code of a request that was refused, else how its task failed, else the last line that
    /// tells of something that went wrong.
    fn fault(&self) -> Option<String> {
        let request = self.request.as_ref();
        let request = request.filter(|line| field(line, "request.id") == Some(&self.id));
        let code = request.and_then(|line| field(line, "error.code"));
        let refusal = code.filter(|_| request.is_some_and(is_refused));
        refusal
            .map(str::to_owned)
            .or_else(|| last_fault(&self.lines))
            .or_else(|| code.map(str::to_owned))
    }

    fn facts(&self) -> Facts {
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
                "id": self.id, "tenant": self.tenant, "tasks": self.tasks, "traces": self.traces,
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
mod tests;
