//! The processes under measurement, each ended by its own process id.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fluxgate_core::app::TenantChange;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::tenant::{Actor, Limits};

use crate::folder::DataFolder;

const KEY: &str = "wsk_bench";
/// How long a process may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(30);

/// A child process that ends with its owner.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(args: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self(command.spawn().with_context(|| {
            format!("'fluxgate {}' cannot be started", args.join(" "))
        })?))
    }

    /// Peak memory in MB, as the kernel reports it (`VmHWM`).
    pub(super) fn memory_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))
            .context("peak memory is only available on Linux")?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .context("the kernel does not report peak memory")?;
        let kib: f64 = line.split_whitespace().nth(1).unwrap_or_default().parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have exited already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) struct Provider {
    pub(super) url: String,
    _child: Process,
}

impl Provider {
    pub(super) async fn start(run_time: Duration) -> Result<Self> {
        let listen = free_address()?.to_string();
        let run_time = run_time.as_millis().to_string();
        let args = [
            "emulator",
            "--listen",
            &listen,
            "--key",
            KEY,
            "--run-time-ms",
            &run_time,
            "--fault",
            "tiny_output",
        ];
        let child = Process::start(&args, &[])?;
        let url = format!("http://{listen}");
        until_answering(&format!("{url}/api/v3/models")).await?;
        Ok(Self { url, _child: child })
    }

    pub(super) fn key(&self) -> String {
        KEY.to_owned()
    }
}

pub(super) struct Proxy {
    pub(super) url: String,
    pub(super) child: Process,
}

impl Proxy {
    pub(super) async fn start(provider: &Provider) -> Result<Self> {
        let listen = free_address()?.to_string();
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
        let url = format!("http://{listen}");
        until_answering(&format!("{url}/api/v3/models")).await?;
        Ok(Self { url, child })
    }
}

pub(super) struct Gateway {
    pub(super) url: String,
    pub(super) token: String,
    /// Of each tenant; `token` is the first.
    pub(super) tokens: Vec<String>,
    pub(super) child: Process,
    http: reqwest::Client,
}

impl Gateway {
    /// A gateway on a new folder with one tenant, as `serve` runs it.
    pub(super) async fn start(data: &Path, provider: &Provider, balance: &str) -> Result<Self> {
        Self::start_with(data, provider, balance, 1).await
    }

    /// The same with several tenants.
    pub(super) async fn start_with(
        data: &Path,
        provider: &Provider,
        balance: &str,
        tenants: usize,
    ) -> Result<Self> {
        let folder = DataFolder::open(data)?;
        let mut tokens = Vec::new();
        for n in 0..tenants {
            let tenant = TenantId::parse(&format!("bench{n}"))?;
            tokens.push(tenant_token(&folder, &tenant, MicroUsd::parse_usd(balance)?).await?);
        }
        drop(folder);
        let listen = free_address()?.to_string();
        let url = format!("http://{listen}");
        let data = data.to_string_lossy();
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
            "--log",
            "error",
        ];
        let child = Process::start(&args, &[("WAVESPEED_API_KEY", KEY)])?;
        until_answering(&format!("{url}/healthz")).await?;
        Ok(Self {
            url,
            token: tokens[0].clone(),
            tokens,
            child,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    pub(super) async fn commits(&self) -> Result<u64> {
        self.counted("fluxgate_commits_total").await
    }

    /// Tasks that are completed.
    pub(super) async fn completions(&self) -> Result<u64> {
        self.counted("fluxgate_completions_total").await
    }

    /// The sum of a metric over its labels.
    async fn counted(&self, name: &str) -> Result<u64> {
        let text = self
            .http
            .get(format!("{}/metrics", self.url))
            .send()
            .await?
            .text()
            .await?;
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{'])
                .then(|| rest.rsplit(' ').next())?
        });
        let parsed = values.map(str::parse::<u64>);
        let sum: Result<u64, _> = parsed.sum();
        sum.with_context(|| format!("the gateway's {name} cannot be read"))
    }
}

/// Adds a tenant that the rate limit does not slow: it must not be what is measured.
async fn tenant_token(folder: &DataFolder, tenant: &TenantId, balance: MicroUsd) -> Result<String> {
    folder.add_tenant(tenant, balance).await?;
    let limits = Limits {
        requests_per_second: Some(Limits::RATE_MAX),
        burst: None,
        ..Limits::default()
    };
    let change = TenantChange {
        limits: Some(limits),
        ..TenantChange::default()
    };
    folder
        .operator(None)
        .change(tenant, change, &Actor::cli())
        .await?;
    folder.token(tenant, 86_400_000).await
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
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
