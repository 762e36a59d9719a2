//! Output of commands: results on stdout, everything else on stderr. A closed pipe and a full disk
//! are errors, not panics. Whatever is printed cannot command the terminal: much of it is text of
//! somebody else's.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use clap::{ArgMatches, Args};
use fluxgate_core::unprintable::is_unprintable;
use fluxgate_embedded::sqlite::Migrated;
use fluxgate_logging::json_line as log_line;
use serde::Serialize;
use serde_json::Value;

static IS_QUIET: AtomicBool = AtomicBool::new(false);
/// Whoever reads stderr parses it.
static IS_LOG: AtomicBool = AtomicBool::new(false);

/// How a command tells its facts: the same flags for every command that has some.
#[derive(Args, Clone, Copy)]
pub(super) struct PrintArgs {
    /// Print one JSON document; an error is JSON on stderr
    #[arg(long)]
    pub(super) json: bool,
    /// Print only what a script needs, such as the id, and no hints
    #[arg(long, short, conflicts_with = "json")]
    pub(super) quiet: bool,
}

/// What a command has to tell.
pub(super) struct Facts {
    pub(super) json: Value,
    /// One id, name or path on each line; empty where the exit code says everything.
    pub(super) quiet: String,
    pub(super) text: String,
}

impl PrintArgs {
    pub(super) fn print(self, facts: &Facts) -> Result<()> {
        match self {
            Self { json: true, .. } => json(&facts.json),
            Self { quiet: true, .. } => lines(&facts.quiet),
            Self { .. } if facts.text.is_empty() => {
                note("there is nothing to show");
                Ok(())
            }
            Self { .. } => lines(&facts.text),
        }
    }

    /// A hint on stderr for whoever watches, or what `--json` has among its facts.
    pub(super) fn note(self, text: impl Display) {
        if !self.json && !self.quiet {
            note(text);
        }
    }
}

/// Standard output could not be written. [`OutputFailed::is_unread`] tells whether the process
/// should exit like one that SIGPIPE ended.
#[derive(Debug)]
pub(super) struct OutputFailed(io::Error);

impl OutputFailed {
    /// True when the reader of the output has gone, such as `head` after its last line.
    pub(super) fn is_unread(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

impl Display for OutputFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write the result to standard output: {}", self.0)
    }
}

impl std::error::Error for OutputFailed {}

impl From<io::Error> for OutputFailed {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

/// Lines of a result, with or without the last line's end.
fn lines(lines: &str) -> Result<()> {
    match lines.is_empty() || lines.ends_with('\n') {
        true => text(lines),
        false => line(lines),
    }
}

/// A result as one line of JSON, where more follow.
pub(super) fn json_line(value: &Value) -> Result<()> {
    written(&format!("{}\n", escaped(&value.to_string())))
}

/// One line of a command's result.
pub(super) fn line(text: impl Display) -> Result<()> {
    written(&format!("{}\n", harmless(&text.to_string())))
}

/// A result as JSON for people and programs alike.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    written(&format!("{}\n", escaped(&text)))
}

/// A result that has its line ends already.
pub(super) fn text(text: impl Display) -> Result<()> {
    written(&harmless(&text.to_string()))
}

/// Nobody is told more than was asked for where a program reads: after `--json` and `--quiet`.
pub(super) fn keep_quiet_if_asked(matches: &ArgMatches) {
    let asked = |name| matches!(matches.try_get_one::<bool>(name), Ok(Some(true)));
    IS_QUIET.store(asked("json") || asked("quiet"), Ordering::Relaxed);
}

/// Says that this command changed the data folder so that older releases cannot open it any more.
/// Where there is a log, it is told there.
pub(super) fn tell_migrated() {
    let is_told = IS_QUIET.load(Ordering::Relaxed) || tracing::enabled!(tracing::Level::WARN);
    if let Some(Migrated { from, to }) = Migrated::by_this_process().filter(|_| !is_told) {
        note(format_args!(
            "the data folder's schema was brought from version {from} to {to}; older releases cannot open it any more"
        ));
    }
}

/// From now on [`note`] and [`failed`] write lines as those of a JSON log, whatever its filter is.
pub(super) fn tell_as_log_lines() {
    IS_LOG.store(true, Ordering::Relaxed);
}

/// One line on stderr for whoever is watching. A failed write is ignored.
pub(super) fn note(text: impl Display) {
    told(&text, tracing::Level::INFO);
}

/// The same for what somebody has to mend.
pub(super) fn warning(text: impl Display) {
    told(&format_args!("WARNING: {text}"), tracing::Level::WARN);
}

/// Why the command failed, on stderr.
pub(super) fn failed(error: impl Display) {
    told(&format_args!("fluxgate: {error}"), tracing::Level::ERROR);
}

fn told(text: &dyn Display, level: tracing::Level) {
    let text = harmless(&text.to_string());
    let line = match IS_LOG.load(Ordering::Relaxed) {
        true => log_line(level, "fluxgate", &text),
        false => text,
    };
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// One line of JSON on stderr. A failed write is ignored.
pub(super) fn json_note(value: &Value) {
    drop(writeln!(
        io::stderr().lock(),
        "{}",
        escaped(&value.to_string())
    ));
}

/// The text at a JSON pointer; empty where there is none.
pub(super) fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// The ids of objects, one a line.
pub(super) fn ids<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    let objects = objects.into_iter();
    objects
        .map(|object| format!("{}\n", word(object, "/id")))
        .collect()
}

/// Text of somebody else's, such as a receiver's answer, on one line.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| if is_unprintable(c) { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}

/// The same for text of several lines, whose ends may be those of CSV.
fn harmless(text: &str) -> String {
    let lines = text.split('\n').map(|line| match line.strip_suffix('\r') {
        Some(line) => shown_with_tabs(line) + "\r",
        None => shown_with_tabs(line),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn shown_with_tabs(line: &str) -> String {
    line.split('\t').map(shown).collect::<Vec<_>>().join("\t")
}

/// JSON that says the same; such a character is within a string there.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match is_unprintable(c) && c != '\n' {
            true => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => text.push(c),
        }
    }
    text
}

fn written(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.map_err(|error| OutputFailed(error).into())
}

#[cfg(test)]
mod tests {
    use fluxgate_core::json::{self, JsonBounds};
    use serde_json::json;

    use super::*;

    #[test]
    fn text_of_somebody_else_s_cannot_command_the_terminal() {
        let foreign = "a\u{1b}[2J\r\u{9b}b\u{202e}\u{2066}c\n\td \u{e9}";

        assert_eq!(shown("a\u{1b}\n\u{202e}b"), "a\u{fffd}\u{fffd}\u{fffd}b");
        assert_eq!(
            harmless(foreign),
            "a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}\u{fffd}c\n\td \u{e9}"
        );
        assert_eq!(harmless("a,b\r\n1,2\r\n"), "a,b\r\n1,2\r\n");
        let said = json!({ "text": foreign });
        let escaped = escaped(&serde_json::to_string_pretty(&said).unwrap());
        assert!(!escaped.chars().any(|c| is_unprintable(c) && c != '\n'));
        let read: Value = json::read(escaped.as_bytes(), JsonBounds::DOCUMENT).unwrap();
        assert_eq!(read, said);
    }
}
