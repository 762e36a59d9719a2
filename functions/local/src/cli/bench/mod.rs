//! `fluxgate bench`: this build beside a bare reverse proxy to the same provider double, in one
//! run.
//!
//! With `--callbacks`, callbacks beside bare POSTs to the same receiver.
//!
//! The provider, the proxy and the gateway each run in their own process, as they would in
//! production. The load comes from this process.

mod callbacks;
mod children;
mod figures;
mod load;
mod proxy;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::print::PrintArgs;
use crate::client::TenantClient;
pub(crate) use callbacks::{ReceiverArgs, receive as receiver};
use children::{Gateway, Provider};
use figures::Figures;
use load::Load;
pub(super) use proxy::{ProxyArgs, run as proxy};

/// Connections that submit.
const SUBMIT_CONNECTIONS: usize = 32;
/// Connections in the whole-task measurement.
const TASK_CONNECTIONS: usize = 128;
/// Enough for any run on any machine.
const BALANCE_USD: &str = "100000000";
const MODEL: &str = "wavespeed-ai/flux-kontext-max/text-to-image";

#[derive(Args)]
pub(super) struct BenchArgs {
    /// Duration of each measurement, in seconds
    #[arg(long, default_value = "10", value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Where the gateways keep their data; choose the disk you want to measure [default: the
    /// temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Measure callbacks: how many a second, how long after their events, and what dead endpoints
    /// cost the others
    #[arg(long)]
    callbacks: bool,
    /// Of --callbacks: a few only, to see that it works; the figures say little
    #[arg(long, requires = "callbacks")]
    quick: bool,
    #[command(flatten)]
    print: PrintArgs,
}

pub(super) async fn run(args: BenchArgs) -> Result<()> {
    let folder = match &args.data {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .context("cannot create the data folder")?;
    if args.callbacks {
        return Box::pin(callbacks::run(
            folder.path(),
            args.seconds,
            args.quick,
            args.print,
        ))
        .await;
    }
    let duration = Duration::from_secs(args.seconds);
    let (proxied, submitted) = Box::pin(submits(folder.path(), duration, args.print)).await?;
    let tasks = Box::pin(whole_tasks(folder.path(), duration, args.print)).await?;
    Figures {
        proxied,
        submitted,
        tasks,
    }
    .print(args.print)
}

/// The result of one measurement.
pub(super) struct Measured {
    pub(super) count: u64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) memory_mb: f64,
    pub(super) commits: u64,
}

fn inputs() -> Value {
    json!({ "prompt": "dunes at dusk, oil on canvas", "aspect_ratio": "16:9", "seed": 7 })
}

/// The same submit to the proxy and to the gateway, one after the other; the runs outlast the
/// measurement.
async fn submits(
    folder: &std::path::Path,
    duration: Duration,
    print: PrintArgs,
) -> Result<(Measured, Measured)> {
    let provider = Provider::start(Duration::from_secs(86_400)).await?;
    let proxy = children::Proxy::start(&provider).await?;
    print.note(format_args!(
        "measuring the bare proxy, then the durable submit: {} s each, {SUBMIT_CONNECTIONS} connections",
        duration.as_secs()
    ));
    let load = Load {
        url: proxy.url.clone(),
        token: provider.key(),
        model: MODEL,
        body: inputs().to_string(),
    };
    load.run(SUBMIT_CONNECTIONS, Duration::from_secs(1)).await?;
    let proxied = load
        .run(SUBMIT_CONNECTIONS, duration)
        .await?
        .with_memory(proxy.child.memory_mb()?);
    drop(proxy);

    let gateway = Gateway::start(&folder.join("submits"), &provider, BALANCE_USD).await?;
    let load = Load {
        url: gateway.url.clone(),
        token: gateway.token.clone(),
        model: MODEL,
        body: inputs().to_string(),
    };
    load.run(SUBMIT_CONNECTIONS, Duration::from_secs(1)).await?;
    let before = gateway.commits().await?;
    let submitted = load.run(SUBMIT_CONNECTIONS, duration).await?;
    let commits = gateway.commits().await? - before;
    Ok((
        proxied,
        Measured {
            commits,
            ..submitted.with_memory(gateway.child.memory_mb()?)
        },
    ))
}

/// Submit, webhook, copy, capture, callback: one task in flight per connection; a task counts when
/// its callback arrives.
async fn whole_tasks(
    folder: &std::path::Path,
    duration: Duration,
    print: PrintArgs,
) -> Result<Measured> {
    let provider = Provider::start(Duration::ZERO).await?;
    let gateway = Gateway::start(&folder.join("tasks"), &provider, BALANCE_USD).await?;
    let callbacks = load::Callbacks::start().await?;
    let client = TenantClient::new(&gateway.url, gateway.token.clone())?;
    client.create_endpoint(&callbacks.url()).await?;
    print.note(format_args!(
        "measuring whole tasks: {} s, {TASK_CONNECTIONS} in flight",
        duration.as_secs()
    ));
    let load = Load {
        url: gateway.url.clone(),
        token: gateway.token.clone(),
        model: MODEL,
        body: inputs().to_string(),
    };
    let before = gateway.commits().await?;
    let measured = load
        .run_until_told(TASK_CONNECTIONS, duration, &callbacks)
        .await?;
    let commits = gateway.commits().await? - before;
    ensure!(measured.count > 0, "no task was completed");
    Ok(Measured {
        commits,
        ..measured.with_memory(gateway.child.memory_mb()?)
    })
}
