//! The signals that end a command, and their conventional exit codes.

use std::fmt::{self, Display};

/// The exit code of a process that SIGPIPE ended.
pub(super) const UNREAD_EXIT_CODE: u8 = 128 + 13;
const INTERRUPT_EXIT_CODE: u8 = 128 + 2;
const TERMINATE_EXIT_CODE: u8 = 128 + 15;

/// What asked the command to stop.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// Ctrl-C.
    Interrupt,
    Terminate,
}

/// A command that was stopped early, with what that means for the work it had begun.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) stop: Stop,
    pub(super) text: String,
}

impl Stop {
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => INTERRUPT_EXIT_CODE,
            Self::Terminate => TERMINATE_EXIT_CODE,
        }
    }
}

impl Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Stopped {}

/// Completes on SIGTERM or Ctrl-C.
pub(super) async fn stop_signal() -> Stop {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => Stop::Terminate,
        _ = tokio::signal::ctrl_c() => Stop::Interrupt,
    }
}
