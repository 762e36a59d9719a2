//! The processes under measurement, each ended by its own process id.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fluxgate_core::app::{NewDestination, Operator, TenantChange};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::tenant::{Actor, Archiving, Limits};

use super::bare_provider::Counts;
use super::process::Process;
use crate::folder::DataFolder;

pub(super) const KEY: &str = "wsk_bench";
/// Enough for any run on any machine.
const BALANCE_USD: &str = "100000000";
/// How long the tenants' tokens are valid.
pub(super) const TOKEN_MS: u64 = 86_400_000;
/// How long a process may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(120);

/// Who stands for the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderKind {
    /// The bundled emulator of the provider's API.
    Emulator,
    /// A bare server that answers as little as may be.
    Bare,
}

/// How the provider's runs go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Runs {
    /// `None`: they do not end while anything is measured.
    pub(super) time: Option<Duration>,
    pub(super) output_bytes: usize,
}

pub(super) struct Provider {
    pub(super) url: String,
    _child: Process,
}

impl Provider {
    pub(super) async fn start(kind: ProviderKind, runs: Runs) -> Result<Self> {
        let listen = free_address()?.to_string();
        let bytes = runs.output_bytes.to_string();
        let child = match kind {
            ProviderKind::Emulator => emulator(&listen, runs.time, &bytes)?,
            ProviderKind::Bare => bare(&listen, runs.time, &bytes)?,
        };
        let url = format!("http://{listen}");
        until_answering(&format!("{url}/api/v3/models")).await?;
        Ok(Self { url, _child: child })
    }

    /// What the bare one has done so far.
    pub(super) async fn counts(&self) -> Result<Counts> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer = http
            .get(format!("{}/bench/counts", self.url))
            .send()
            .await?;
        serde_json::from_slice(&answer.bytes().await?).context("the counts cannot be read")
    }
}

fn emulator(listen: &str, run_time: Option<Duration>, bytes: &str) -> Result<Process> {
    let run_time = run_time.unwrap_or(Duration::from_secs(86_400));
    let (run_time, bytes) = (
        run_time.as_millis().to_string(),
        format!("output_bytes={bytes}"),
    );
    let args = [
        "emulator",
        "--listen",
        listen,
        "--key",
        KEY,
        "--run-time-ms",
        &run_time,
        "--fault",
        "tiny_output",
        "--fault",
        &bytes,
    ];
    Process::start(&args, &[])
}

fn bare(listen: &str, run_time: Option<Duration>, bytes: &str) -> Result<Process> {
    let run_time = run_time.map(|time| time.as_millis().to_string());
    let mut args = vec![
        "bench-provider",
        "--listen",
        listen,
        "--output-bytes",
        bytes,
    ];
    if let Some(run_time) = &run_time {
        args.extend(["--run-time-ms", run_time]);
    }
    // It is to take little of the machine from what is measured.
    Process::start(&args, &[("TOKIO_WORKER_THREADS", "1")])
}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) child: Process,
}

impl Proxy {
    pub(super) async fn start(provider: &Provider) -> Result<Self> {
        let address = free_address()?;
        let listen = address.to_string();
        let child = Process::start(
            &[
                "bench-proxy",
                "--listen",
                &listen,
                "--provider",
                &provider.url,
            ],
            &[],
        )?;
        until_answering(&format!("http://{listen}/api/v3/models")).await?;
        Ok(Self { address, child })
    }
}

pub(super) struct Gateway {
    pub(super) url: String,
    pub(super) address: SocketAddr,
    pub(super) token: String,
    /// Of each tenant; `token` is the first.
    pub(super) tokens: Vec<String>,
    pub(super) child: Process,
    /// From the start of the process to its first answer.
    pub(super) started_in: Duration,
    http: reqwest::Client,
}

/// What a gateway is started with.
#[derive(Clone, Copy)]
pub(super) struct Setup {
    /// On a new folder.
    pub(super) tenants: usize,
    pub(super) archive: Archiving,
    /// Of the runtime, if not as many as there are cores.
    pub(super) threads: Option<&'static str>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tenants: 1,
            archive: Archiving::On,
            threads: None,
        }
    }
}

impl Gateway {
    /// A gateway on a new folder, as `serve` runs it.
    pub(super) async fn start(data: &Path, provider: &Provider, setup: Setup) -> Result<Self> {
        let folder = DataFolder::open(data)?;
        let mut tokens = Vec::new();
        for n in 0..setup.tenants {
            let tenant = TenantId::parse(&format!("bench{n}"))?;
            add_tenant(&folder, &folder.operator(None), &tenant, setup.archive).await?;
            tokens.push(folder.token(&tenant, TOKEN_MS).await?);
        }
        drop(folder);
        Self::start_on(data, provider, tokens, setup.threads).await
    }

    /// A gateway on a folder that is there, with a token of each of its tenants.
    pub(super) async fn start_on(
        data: &Path,
        provider: &Provider,
        tokens: Vec<String>,
        threads: Option<&str>,
    ) -> Result<Self> {
        let address = free_address()?;
        let url = format!("http://{address}");
        let (listen, data) = (address.to_string(), data.to_string_lossy());
        let args = [
            "serve",
            "--data",
            &data,
            "--listen",
            &listen,
            "--s3-listen",
            "127.0.0.1:0",
            "--provider",
            &provider.url,
            "--public-url",
            &url,
            "--allow-net",
            "127.0.0.0/8",
            "--open-metrics",
        ];
        let mut env = vec![("WAVESPEED_API_KEY", KEY)];
        env.extend(threads.map(|threads| ("TOKIO_WORKER_THREADS", threads)));
        let started = Instant::now();
        let child = Process::start(&args, &env)?;
        until_answering(&format!("{url}/healthz")).await?;
        Ok(Self {
            started_in: started.elapsed(),
            address,
            url,
            token: tokens[0].clone(),
            tokens,
            child,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Tasks that are completed.
    pub(super) async fn completions(&self) -> Result<u64> {
        let counted = self.metrics().await?.sum("fluxgate_completions_total")?;
        Ok(counted.unwrap_or(0))
    }

    pub(super) async fn metrics(&self) -> Result<Metrics> {
        let url = format!("{}/metrics", self.url);
        let text = self.http.get(url).send().await?.text().await?;
        Ok(Metrics(text))
    }
}

/// What a gateway counts, as text.
pub(super) struct Metrics(String);

impl Metrics {
    /// The sum of a metric over its labels; `None` where there is no such metric.
    pub(super) fn sum(&self, name: &str) -> Result<Option<u64>> {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{'])
                .then(|| rest.rsplit(' ').next())?
        });
        let mut sum = None;
        for value in values {
            let value: u64 = value
                .parse()
                .with_context(|| format!("the gateway's {name} cannot be read"))?;
            sum = Some(sum.unwrap_or(0) + value);
        }
        Ok(sum)
    }
}

/// Adds a tenant that the rate limit does not slow: it must not be what is measured.
pub(super) async fn add_tenant(
    folder: &DataFolder,
    operator: &Operator,
    tenant: &TenantId,
    archive: Archiving,
) -> Result<()> {
    let balance = MicroUsd::parse_usd(BALANCE_USD)?;
    let added = folder.add_tenant_as(operator, tenant, balance);
    let destination = NewDestination {
        archive,
        ..NewDestination::from(added.await?.destination)
    };
    let limits = Limits {
        requests_per_second: Some(Limits::RATE_MAX),
        burst: None,
        ..Limits::default()
    };
    let change = TenantChange {
        limits: Some(limits),
        destination: (archive == Archiving::Off).then_some(destination),
        ..TenantChange::default()
    };
    operator.change(tenant, change, &Actor::cli()).await?;
    Ok(())
}

pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
        .context("there is no free port on loopback")?;
    Ok(listener.local_addr()?)
}

pub(super) async fn until_answering(url: &str) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let started = Instant::now();
    while http.get(url).send().await.is_err() {
        if started.elapsed() > START_MAX {
            bail!("nothing answered at {url} in time");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
