//! What each function reads from its environment, and nothing else: `infra/template.yaml` sets exactly these names.

mod environment;
mod functions;

pub use environment::Environment;
pub use functions::{
    AdminConfig, ArchiverConfig, ExportBucket, GatewayConfig, NotifierConfig, PollerConfig, ReceiverConfig,
    SweeperConfig,
};

use fluxgate_aws::sqs::QueueUrls;
use fluxgate_core::job::Lane;
use fluxgate_core::line::Capacity;
use url::Url;

use crate::init::InitError;

/// What every function needs.
pub struct Base {
    pub table: String,
    /// As `info` or `warn,fluxgate_core=debug`.
    pub log: String,
    pub aws: Aws,
}

/// Which AWS and as whom, as the platform says it.
pub struct Aws {
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
    /// Another AWS than AWS: an emulator.
    pub endpoint: Option<String>,
}

/// Where jobs are sent.
pub struct Queues {
    pub watch: String,
    pub archive: String,
    pub notify: String,
}

/// The dead letters of the one lane that a consumer works on.
pub struct DeadLetters {
    lane: Lane,
    url: String,
}

/// The vendor's API and our account there.
pub struct VendorAccount {
    pub url: Url,
    /// Name or ARN of the secret that holds the key.
    pub key_secret: String,
}

/// The vendor, for whom runs are sent to it.
pub struct Vendor {
    pub account: VendorAccount,
    /// Where the vendor reaches the receiver; none: completions come by polling alone.
    pub public_url: Option<Url>,
}

/// What links are made of.
pub struct Links {
    /// Name or ARN of the secret that signs capabilities.
    pub capability_secret: String,
    /// Where tenants reach the gateway; the gateway itself may learn it from its first request.
    pub base_url: Option<Url>,
}

impl Base {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            table: env.required("FLUXGATE_TABLE")?,
            log: env.optional("FLUXGATE_LOG").unwrap_or_else(|| "info".to_owned()),
            aws: Aws::read(env)?,
        })
    }
}

impl Aws {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            region: env.platform("AWS_REGION")?,
            access_key: env.platform("AWS_ACCESS_KEY_ID")?,
            secret_key: env.platform("AWS_SECRET_ACCESS_KEY")?,
            session_token: env.platform("AWS_SESSION_TOKEN").ok(),
            endpoint: env.platform("AWS_ENDPOINT_URL").ok(),
        })
    }
}

impl Queues {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            watch: env.url("FLUXGATE_WATCH_QUEUE_URL")?.into(),
            archive: env.url("FLUXGATE_ARCHIVE_QUEUE_URL")?.into(),
            notify: env.url("FLUXGATE_NOTIFY_QUEUE_URL")?.into(),
        })
    }
}

impl DeadLetters {
    pub(crate) fn urls(&self) -> QueueUrls {
        let url = Some(self.url.clone());
        match self.lane {
            Lane::Watch => QueueUrls { watch: url, ..QueueUrls::default() },
            Lane::Archive => QueueUrls { archive: url, ..QueueUrls::default() },
            Lane::Notify => QueueUrls { notify: url, ..QueueUrls::default() },
        }
    }

    fn read(env: &Environment, lane: Lane) -> Result<Self, InitError> {
        let name = match lane {
            Lane::Watch => "FLUXGATE_WATCH_DEAD_LETTER_URL",
            Lane::Archive => "FLUXGATE_ARCHIVE_DEAD_LETTER_URL",
            Lane::Notify => "FLUXGATE_NOTIFY_DEAD_LETTER_URL",
        };
        Ok(Self { lane, url: env.url(name)?.into() })
    }
}

impl VendorAccount {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self { url: env.url("FLUXGATE_UPSTREAM_URL")?, key_secret: env.required("FLUXGATE_UPSTREAM_KEY_SECRET")? })
    }
}

impl Vendor {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self { account: VendorAccount::read(env)?, public_url: env.optional_url("FLUXGATE_PUBLIC_URL")? })
    }
}

impl Links {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self { capability_secret: capability_secret(env)?, base_url: env.optional_url("FLUXGATE_BASE_URL")? })
    }
}

/// Name or ARN of the secret that signs capabilities.
fn capability_secret(env: &Environment) -> Result<String, InitError> {
    env.required("FLUXGATE_CAPABILITY_SECRET")
}

/// What the vendor's account bears; `None`: no limits, and no line.
fn capacity(env: &Environment) -> Result<Option<Capacity>, InitError> {
    let per_minute = env.optional_count("FLUXGATE_UPSTREAM_RATE_PER_MINUTE")?;
    Ok(Capacity::limited(per_minute, env.optional_count("FLUXGATE_UPSTREAM_CONCURRENCY")?))
}

/// Networks that tenants' URLs may lead to although they are not public.
fn allow_net(env: &Environment) -> Result<Vec<ipnet::IpNet>, InitError> {
    let text = env.optional("FLUXGATE_ALLOW_NET").unwrap_or_default();
    let networks = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    networks
        .map(|part| {
            let bad = |_| InitError::new(format!("FLUXGATE_ALLOW_NET: '{part}' is no network such as 10.0.0.0/8"));
            part.parse().map_err(bad)
        })
        .collect()
}
