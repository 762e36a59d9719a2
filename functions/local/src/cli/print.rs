//! Output of commands: results on stdout, everything else on stderr. A closed pipe and a full disk
//! are errors, not panics.

use std::fmt::{self, Arguments, Display};
use std::io::{self, ErrorKind, Write as _};

use anyhow::Result;
use fluxgate_core::unprintable::is_unprintable;
use serde::Serialize;
use serde_json::Value;

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

/// One line of a command's result.
pub(super) fn line(text: impl Display) -> Result<()> {
    written(format_args!("{text}\n"))
}

/// A result as JSON for people and programs alike.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// A result that has its line ends already.
pub(super) fn text(text: impl Display) -> Result<()> {
    written(format_args!("{text}"))
}

/// One line on stderr for whoever is watching. A failed write is ignored.
pub(super) fn note(text: impl Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// The text at a JSON pointer; empty where there is none.
pub(super) fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// Text of somebody else's, such as a receiver's answer, that must not command the terminal.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| if is_unprintable(c) { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}

fn written(text: Arguments<'_>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_fmt(text).and_then(|()| stdout.flush());
    written.map_err(|error| OutputFailed(error).into())
}
