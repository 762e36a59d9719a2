//! A gateway in this process on a folder that vanishes, with the provider's double beside it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::secret::Secret;
use fluxgate_emulator::{Emulator, EmulatorConfig, Faults};
use fluxgate_local::connections::ConnectionSettings;
use fluxgate_local::server::Server;
use fluxgate_local::settings::{BoundsSettings, DnsServer as DnsServerAddress, Settings};
use tempfile::TempDir;

use crate::{DnsServer, OtherProvider, TestOperator, TestTenant, eventually};

/// What a test may want different.
pub struct GatewayOptions {
    pub faults: Faults,
    /// False: the provider has no way to reach the receiver.
    pub webhooks: bool,
    pub allow_loopback: bool,
    /// The DNS server, if it is the test's own.
    pub dns: Option<DnsServer>,
    /// How long a run takes at the provider.
    pub run_time: Duration,
    pub bounds: BoundsSettings,
    pub connections: ConnectionSettings,
    /// The provider account's limit of concurrent runs.
    pub rate_per_minute: Option<u32>,
    pub concurrency: Option<u32>,
    pub open_metrics: bool,
    /// Where `/metrics` is without a token.
    pub metrics_listen: Option<SocketAddr>,
    /// Instead of the emulator.
    pub provider: Option<OtherProvider>,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            faults: Faults::default(),
            webhooks: true,
            allow_loopback: true,
            dns: None,
            run_time: Duration::from_millis(50),
            bounds: quick(),
            connections: ConnectionSettings::default(),
            rate_per_minute: None,
            concurrency: None,
            open_metrics: false,
            metrics_listen: None,
            provider: None,
        }
    }
}

impl GatewayOptions {
    /// In front of this provider, which it asks at once, for no webhooks come.
    pub fn before(provider: &OtherProvider) -> Self {
        Self {
            webhooks: false,
            bounds: BoundsSettings {
                watch_first_ms: Some(50),
                ..quick()
            },
            provider: Some(provider.clone()),
            ..Self::default()
        }
    }
}

/// Bounds of a test: what takes minutes in production takes moments here.
pub fn quick() -> BoundsSettings {
    BoundsSettings {
        submit_timeout_ms: Some(1_500),
        uploads_max_ms: Some(500),
        denials_min: Some(3),
        denials_span_ms: Some(1_000),
        unknown_max_ms: Some(6_000),
        archive_stall_ms: Some(3_000),
        watch_first_ms: Some(500),
        watch_max_ms: Some(2_000),
        wake_first_ms: Some(200),
        wake_max_ms: Some(1_000),
        output_timeout_ms: Some(3_000),
        callback_timeout_ms: Some(3_000),
        callback_schedule_ms: Some(vec![100, 200, 400, 800]),
        enabling_settles_ms: Some(500),
        ..BoundsSettings::default()
    }
}

/// The same without a watch or a wake that could come before the webhook on a slow machine.
pub fn patient() -> BoundsSettings {
    const MINUTES_MS: Option<u64> = Some(600_000);
    BoundsSettings {
        watch_first_ms: MINUTES_MS,
        watch_max_ms: MINUTES_MS,
        wake_first_ms: MINUTES_MS,
        wake_max_ms: MINUTES_MS,
        ..quick()
    }
}

/// A running gateway with its provider.
pub struct Gateway {
    pub server: Server,
    pub emulator: Emulator,
    http: reqwest::Client,
    pub folder: TempDir,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::with(GatewayOptions::default()).await
    }

    pub async fn with(options: GatewayOptions) -> Self {
        Self::on(tempfile::tempdir().expect("a temporary folder"), options).await
    }

    /// On a folder whose `data` may hold something already.
    pub async fn on(folder: TempDir, options: GatewayOptions) -> Self {
        let emulator = Emulator::start(EmulatorConfig {
            faults: options.faults.clone(),
            run_time: options.run_time,
            ..emulator_config()
        })
        .await
        .expect("the emulator starts");
        let server = Server::start(settings(&folder, &emulator, &options))
            .await
            .expect("the gateway starts");
        Self {
            server,
            emulator,
            http: reqwest::Client::new(),
            folder,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base_url())
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A new tenant with this much to spend.
    pub async fn tenant(&self, name: &str, balance: &str) -> TestTenant {
        let id = TenantId::parse(name).expect("a valid name");
        let balance = MicroUsd::parse_usd(balance).expect("a valid amount");
        self.server
            .folder()
            .add_tenant(&id, balance)
            .await
            .expect("the tenant is new");
        let token = self
            .server
            .folder()
            .token(&id, 3_600_000)
            .await
            .expect("the tenant exists");
        TestTenant::new(id, &self.server.base_url(), token)
    }

    /// Waits until the provider has taken so many runs.
    pub async fn runs(&self, count: usize) {
        eventually(&format!("{count} runs"), || async {
            (self.emulator.runs().len() >= count).then_some(())
        })
        .await;
    }

    /// What `/metrics` tells.
    pub async fn metrics(&self) -> String {
        let token = self.server.folder().secrets.admin_token.expose();
        let request = self.http().get(self.url("/metrics")).bearer_auth(token);
        let answer = request.send().await.expect("the gateway answers");
        answer.text().await.expect("the answer arrives whole")
    }

    /// A caller with the folder's admin token.
    pub fn operator(&self) -> TestOperator {
        TestOperator::new(
            &self.server.base_url(),
            self.server.folder().secrets.admin_token.expose(),
        )
    }

    pub async fn stop(self) {
        self.server.stop().await;
        self.emulator.stop().await;
    }
}

/// A fast provider that retries its webhooks at once.
pub fn emulator_config() -> EmulatorConfig {
    let millis = std::time::Duration::from_millis;
    EmulatorConfig {
        run_time: millis(50),
        webhook_retry: vec![millis(50), millis(100)],
        ..EmulatorConfig::default()
    }
}

fn settings(folder: &TempDir, emulator: &Emulator, options: &GatewayOptions) -> Settings {
    let listen = free_address();
    Settings {
        open_metrics: options.open_metrics,
        metrics_listen: options.metrics_listen,
        data: folder.path().join("data"),
        listen,
        s3_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        public_url: options
            .webhooks
            .then(|| format!("http://{listen}").parse().expect("a URL")),
        provider: Some(match &options.provider {
            Some(other) => other.base_url.clone(),
            None => emulator.base_url(),
        }),
        provider_key: Some(Secret::new(emulator.api_key()).into()),
        allow_net: if options.allow_loopback {
            vec!["127.0.0.0/8".parse().expect("a network")]
        } else {
            Vec::new()
        },
        dns_server: options
            .dns
            .iter()
            .map(|dns| DnsServerAddress(dns.addr()))
            .collect(),
        bounds: options.bounds.clone(),
        connections: options.connections.clone(),
        provider_rate_per_minute: options.rate_per_minute.and_then(NonZeroU32::new),
        provider_concurrency: options.concurrency.and_then(NonZeroU32::new),
        ..Settings::default()
    }
}

/// A port that was free a moment ago. The gateway must know its own address before it listens.
pub fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound port")
}
