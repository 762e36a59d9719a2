//! Logs, to stderr.

use std::io::IsTerminal as _;

use anyhow::Result;
use tracing_subscriber::EnvFilter;

use super::exit::usage;

/// These log whole requests when asked to talk more, signed URLs and tokens included: they are
/// never asked.
const QUIET: &str = "aws_config=warn,aws_sdk_s3=warn,aws_sigv4=warn,aws_smithy_http_client=warn,aws_smithy_runtime=warn,\
    aws_smithy_runtime_api=warn,h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,s3s=warn,s3s_fs=warn";

/// Starts logging what the filter lets through: readable text on a terminal, JSON elsewhere. Fails
/// if the filter is invalid.
pub(super) fn start(filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{filter},{QUIET}")).map_err(|error| {
        usage(format!(
            "'{filter}' is not a log filter; use 'info' or 'warn,fluxgate_core=debug': {error}"
        ))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Otherwise the subscriber would report on stderr that stderr cannot be written, and panic.
    let builder = builder.log_internal_errors(false);
    let started = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().try_init()
    };
    // Already started: a test may run several commands in one process.
    drop(started);
    Ok(())
}
