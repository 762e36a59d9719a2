//! Which peers are installed, and how each is started in front of the provider.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fluxgate_core::port::{Entropy as _, SystemEntropy};
use serde_json::json;

use super::super::children::{Provider, free_address};
use super::super::generator::Order;
use super::super::process::Process;
use super::order;

/// LiteLLM reads a great deal of Python before it answers.
const START_MAX: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(200);
const KEY: &str = "sk-bench";

/// The peers in a folder, as `tests/peers` installs them.
pub(in super::super) struct Installed(Vec<Peer>);

#[derive(Debug, Clone)]
pub(super) enum Peer {
    /// The script that Node.js runs.
    Portkey(PathBuf),
    /// The program.
    LiteLlm(PathBuf),
}

/// Where `tests/peers` puts them.
pub(in super::super) fn default_folder() -> PathBuf {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache
        .unwrap_or_else(|| Path::new(&home).join(".cache"))
        .join("fluxgate/peers")
}

impl Installed {
    /// Fails if there is none.
    pub(in super::super) fn find(folder: &Path) -> Result<Self> {
        let portkey = folder.join("node_modules/@portkey-ai/gateway/build/start-server.js");
        let litellm = folder.join("venv/bin/litellm");
        let mut peers = Vec::new();
        if portkey.is_file() {
            peers.push(Peer::Portkey(portkey));
        }
        if litellm.is_file() {
            peers.push(Peer::LiteLlm(litellm));
        }
        if peers.is_empty() {
            bail!(
                "neither Portkey nor LiteLLM is installed in {0}; install them with 'tests/peers {0}', which runs 'npm install @portkey-ai/gateway' and 'pip install litellm[proxy]' there, or name another folder with --peers-dir",
                folder.display()
            );
        }
        Ok(Self(peers))
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.0
    }
}

impl Peer {
    /// In the JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Portkey(_) => "portkey",
            Self::LiteLlm(_) => "litellm",
        }
    }

    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Portkey(_) => "Portkey",
            Self::LiteLlm(_) => "LiteLLM",
        }
    }

    /// The process, once it answers, and the request for it.
    pub(super) async fn start(
        &self,
        folder: &Path,
        provider: &Provider,
    ) -> Result<(Process, Order)> {
        let address = free_address()?;
        let provider_url = format!("{}/v1", provider.url);
        let (process, order) = match self {
            Self::Portkey(script) => portkey(script, address, &provider_url)?,
            Self::LiteLlm(program) => litellm(program, folder, address, &provider_url)?,
        };
        self.until_answering(&order).await?;
        Ok((process, order))
    }

    async fn until_answering(&self, order: &Order) -> Result<()> {
        let once = Order {
            connections: 1,
            requests: Some(1),
            ..order.clone()
        };
        let started = Instant::now();
        while let Err(error) = once.carry_out().await {
            ensure!(
                started.elapsed() < START_MAX,
                "{} does not answer: {error:#}",
                self.title()
            );
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

fn portkey(script: &Path, address: SocketAddr, provider_url: &str) -> Result<(Process, Order)> {
    let mut command = Command::new("node");
    command
        .arg(script)
        .args(["--headless", &format!("--port={}", address.port())])
        .env("NODE_ENV", "production")
        // It refuses providers on this machine unless they are named.
        .env("TRUSTED_CUSTOM_HOSTS", "127.0.0.1,localhost");
    let process = Process::spawn(&mut command).context("Portkey needs Node.js")?;
    let headers = [
        ("authorization", format!("Bearer {KEY}")),
        ("x-portkey-provider", "openai".to_owned()),
        ("x-portkey-custom-host", provider_url.to_owned()),
    ];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let body = json!({ "model": "dall-e-3", "prompt": "dunes at dusk, oil on canvas" });
    Ok((
        process,
        order(address, "/v1/images/generations", &headers, &body),
    ))
}

fn litellm(
    program: &Path,
    folder: &Path,
    address: SocketAddr,
    provider_url: &str,
) -> Result<(Process, Order)> {
    let config = folder.join("litellm.yaml");
    std::fs::write(&config, settings(provider_url))?;
    let mut random = [0; 32];
    SystemEntropy.fill(&mut random);
    let key = format!("sk-{}", hex::encode(random));
    let mut command = Command::new(program);
    command
        .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
        .arg("--config")
        .arg(&config)
        .args(["--telemetry", "False"])
        // Prices come from its package, not from the network.
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_LOG", "ERROR")
        // It starts only with a key that nobody can guess.
        .env("LITELLM_MASTER_KEY", &key);
    let process = Process::spawn(&mut command)?;
    let bearer = format!("Bearer {key}");
    let body = json!({ "model": "bench", "prompt": "dunes at dusk, oil on canvas" });
    let headers = [("authorization", bearer.as_str())];
    Ok((
        process,
        order(address, "/v1/images/generations", &headers, &body),
    ))
}

fn settings(provider_url: &str) -> String {
    let settings = json!({
        "model_list": [{
            "model_name": "bench",
            "litellm_params": {
                "model": "openai/dall-e-3", "api_base": provider_url, "api_key": KEY,
            },
            "model_info": { "mode": "image_generation" },
        }],
        "litellm_settings": { "telemetry": false },
    });
    // JSON is YAML.
    settings.to_string()
}
