//! Logs as JSON on standard output, where the platform picks them up and adds the time.

use tracing_subscriber::Layer as _;
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
        .with_target("lambda_runtime", LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .without_time()
        .with_filter(targets);
    // Already started: in a test that wires several functions in one process.
    drop(tracing_subscriber::registry().with(lines).try_init());
    drop(metrics::set_global_recorder(EmfRecorder));
    Ok(())
}
