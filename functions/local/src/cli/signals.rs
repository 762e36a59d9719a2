//! The signals that end a command, and the exit codes by which a shell knows them.

use std::fmt::{self, Display};

/// Of a process that SIGPIPE ended, as it ends others.
pub(super) const UNREAD_EXIT_CODE: u8 = 128 + 13;
const INTERRUPT_EXIT_CODE: u8 = 128 + 2;
const TERMINATE_EXIT_CODE: u8 = 128 + 15;

/// What asked the command to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// Ctrl-C.
    Interrupt,
    Terminate,
}

/// A command that was ended before its time, with what that means for what it had begun.
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
