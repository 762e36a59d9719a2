//! Logs, to stderr.

use std::io::{IsTerminal as _, stderr};

use anyhow::{Context as _, Result};
use fluxgate_logging::{LineQueue, LogFormat, LogLines};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::exit::usage;
use crate::otlp::{self, OwnSpans};
use crate::settings::LogStyle;

/// These log whole requests when asked to talk more, signed URLs and tokens included: they are
/// never asked. One of them calls it an error that a connection of the guard is not its to close,
/// and another each certificate that is not trusted, which our own line tells once.
const QUIET: &str = "aws_config=warn,aws_sdk_s3=warn,aws_sigv4=warn,aws_smithy_http_client=warn,aws_smithy_runtime=warn,\
    aws_smithy_runtime::client::http::connection_poisoning=off,aws_smithy_runtime_api=warn,\
    h2=warn,hyper=warn,hyper_util=warn,opentelemetry=off,\
    opentelemetry_sdk=off,opentelemetry_otlp=off,reqwest=warn,rustls_platform_verifier=off,s3s=warn,s3s_fs=warn";

/// The style that was asked for, else readable text on a terminal and JSON elsewhere.
pub(super) fn style(asked: Option<LogStyle>) -> LogStyle {
    asked.unwrap_or(match stderr().is_terminal() {
        true => LogStyle::Text,
        false => LogStyle::Json,
    })
}

/// Starts logging what the filter lets through, in this style. Lines are written until what it
/// returns is dropped. Fails if the filter is invalid.
pub(super) fn start(filter: &str, style: Option<LogStyle>) -> Result<LineQueue> {
    let filter = EnvFilter::try_new(format!("{filter},{QUIET}")).map_err(|error| {
        usage(format!(
            "'{filter}' is not a log filter; use 'info' or 'warn,fluxgate_core=debug': {error}"
        ))
    })?;
    let is_terminal = stderr().is_terminal();
    let format = match self::style(style) {
        LogStyle::Text => LogFormat::Text {
            is_coloured: is_terminal && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
        },
        LogStyle::Json => LogFormat::Json { has_time: true },
    };
    let queue =
        LineQueue::start(stderr()).context("cannot start the thread that writes the log")?;
    let sender = queue.sender();
    let lines = LogLines::new(format, move |line: &[u8]| sender.send(line));
    // Already started: a test may run several commands in one process.
    drop(match otlp::span_layer() {
        // The filter is of the log alone: spans are sent whatever is logged.
        Some(spans) => tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(spans.with_filter(OwnSpans))
            .try_init(),
        None => tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init(),
    });
    Ok(queue)
}
