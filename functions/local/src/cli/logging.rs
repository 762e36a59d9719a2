//! Logs, to stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Begins to log what the filter lets through: for people on a terminal, as JSON elsewhere.
pub(super) fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() { builder.try_init() } else { builder.json().try_init() };
    // Already started: in a test that runs several commands in one process.
    drop(started);
}
