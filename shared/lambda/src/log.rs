//! Logs as JSON on standard output, where the platform picks them up and adds the time.

use std::io::Write as _;

use fluxgate_logging::{LogFormat, LogLines};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::emf::EmfRecorder;
use crate::init::InitError;

/// At debug level these crates log whole requests, with signed URLs and tokens, so they are always
/// kept quiet.
const QUIET: [&str; 10] = [
    "aws_sdk_dynamodb",
    "aws_sdk_s3",
    "aws_sdk_sqs",
    "aws_sdk_sts",
    "aws_sdk_secretsmanager",
    "aws_sigv4",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "hyper_util",
    "reqwest",
];

const POISONING: &str = "aws_smithy_runtime::client::http::connection_poisoning";
/// It calls each certificate that is not trusted an error, which our own line tells.
const VERIFIER: &str = "rustls_platform_verifier";

/// Starts logging what the filter lets through, and collecting metrics.
pub(crate) fn start(filter: &str) -> Result<(), InitError> {
    let bad = |_| {
        let text = format!(
            "FLUXGATE_LOG: '{filter}' is not a log filter; use 'info' or 'warn,fluxgate_core=debug'"
        );
        InitError::new(text)
    };
    let targets: Targets = filter.parse().map_err(bad)?;
    let targets = targets
        .with_targets(QUIET.map(|target| (target, LevelFilter::WARN)))
        // Calls it an error that a connection of the guard is not its to close.
        .with_target(POISONING, LevelFilter::OFF)
        .with_target(VERIFIER, LevelFilter::OFF)
        .with_target("lambda_runtime", LevelFilter::WARN);
    // The platform freezes the process after an answer: what is not written by then is late.
    let lines = LogLines::new(LogFormat::Json { has_time: false }, |line: &[u8]| {
        drop(std::io::stdout().lock().write_all(line));
    });
    // Already started: in a test that wires several functions in one process.
    drop(
        tracing_subscriber::registry()
            .with(targets)
            .with(lines)
            .try_init(),
    );
    drop(metrics::set_global_recorder(EmfRecorder));
    Ok(())
}
