//! What commands say: results on stdout, all else on stderr. A reader who has gone and a full disk
//! are failures, not panics.

use std::fmt::{self, Arguments, Display};
use std::io::{self, ErrorKind, Write as _};

use anyhow::Result;

/// Standard output could not be written. How a process that SIGPIPE ends looks to a shell is told
/// by [`OutputFailed::is_unread`].
#[derive(Debug)]
pub(super) struct OutputFailed(io::Error);

impl OutputFailed {
    /// True when whoever read the output has gone, as `head` does after its lines.
    pub(super) fn is_unread(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

impl Display for OutputFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the result cannot be written to standard output: {}",
            self.0
        )
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

/// A result that has its line ends already.
pub(super) fn text(text: impl Display) -> Result<()> {
    written(format_args!("{text}"))
}

/// One line for whoever watches. Nobody does when it cannot be written.
pub(super) fn note(text: impl Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

fn written(text: Arguments<'_>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_fmt(text).and_then(|()| stdout.flush());
    written.map_err(|error| OutputFailed(error).into())
}
