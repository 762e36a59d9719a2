//! What an operator sets: flags over environment over one TOML file over defaults. Unknown keys are
//! errors.

mod dns_server;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::fair_queue::Capacity;
use fluxgate_core::secret::Secret;
use fluxgate_outbound::NameSettings;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connections::ConnectionSettings;
use crate::renamed::renamed;
use crate::values;
pub use dns_server::{DnsServer, name_settings};

/// Variables with our prefix that are no settings of `serve`.
const ELSEWHERE: [&str; 2] = ["config", "token"];

/// The provider's own address.
const PROVIDER_URL: &str = "https://api.wavespeed.ai";

/// The settings of `fluxgate serve`. Each is a flag, `FLUXGATE_<NAME>` in the environment, and a
/// key of the TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The data folder: database, keys, buckets.
    pub data: PathBuf,
    /// Where the API listens.
    #[serde(deserialize_with = "values::read_address")]
    pub listen: SocketAddr,
    /// Where the S3 server listens; by default the port after `listen`'s.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_address"
    )]
    pub s3_listen: Option<SocketAddr>,
    /// How tenants reach the API, when not by its address.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_url"
    )]
    pub base_url: Option<Url>,
    /// How tenants reach the S3 server, when not by its address.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_url"
    )]
    pub s3_public_url: Option<Url>,
    /// How the provider reaches the receiver; without it completions come by polling.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_url"
    )]
    pub public_url: Option<Url>,
    /// `emulator`, or the provider's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Submits a minute that the provider's account allows, for all tenants together.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_count"
    )]
    pub provider_rate_per_minute: Option<NonZeroU32>,
    /// Runs at once that the provider's account allows, for all tenants together.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_count"
    )]
    pub provider_concurrency: Option<NonZeroU32>,
    /// Networks that callbacks, pictures and outputs may lie in although they are not public.
    #[serde(default, deserialize_with = "values::read_networks")]
    pub allow_net: Vec<IpNet>,
    /// The DNS servers that names of tenants and of the provider's outputs are asked of; none:
    /// those of `/etc/resolv.conf`.
    #[serde(default, deserialize_with = "values::read_dns_servers")]
    pub dns_server: Vec<DnsServer>,
    /// What is logged, in the syntax of tracing's `EnvFilter`.
    pub log: String,
    /// How long a stop may take, in milliseconds.
    pub stop_max_ms: u64,
    #[serde(default)]
    pub bounds: BoundsSettings,
    #[serde(default)]
    pub connections: ConnectionSettings,
    /// The provider's key. Never a flag or a key of the file: read from `WAVESPEED_API_KEY`.
    #[serde(skip)]
    pub provider_key: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("fluxgate-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            s3_listen: None,
            base_url: None,
            s3_public_url: None,
            public_url: None,
            provider: None,
            provider_rate_per_minute: None,
            provider_concurrency: None,
            allow_net: Vec::new(),
            dns_server: Vec::new(),
            log: "info".to_owned(),
            stop_max_ms: 10_000,
            bounds: BoundsSettings::default(),
            connections: ConnectionSettings::default(),
            provider_key: None,
        }
    }
}

/// The bounds that can be set; the rest keep the defaults of [`Bounds`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundsSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_in_flight_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources_bytes_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denials_min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denials_span_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fair_queue_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_stall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_again_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_link_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs_kept_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_schedule_ms: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_tasks_max: Option<usize>,
}

impl BoundsSettings {
    /// Fails for a bound of nothing, which nothing would pass.
    fn check(&self) -> Result<()> {
        let bounds = serde_json::to_value(self).context("the bounds cannot be read")?;
        let mut bounds = bounds.as_object().into_iter().flatten();
        match bounds.find(|(_, value)| value.as_u64() == Some(0)) {
            Some((name, _)) => {
                bail!(
                    "the bound '{name}' is 0, and nothing could pass it; write at least 1, or leave it out for its default"
                )
            }
            None => Ok(()),
        }
    }

    /// The bounds in force, with a quicker watch where polling is the only way.
    pub fn bounds(&self, webhooks: bool) -> Bounds {
        let mut bounds = if webhooks {
            Bounds::default()
        } else {
            Bounds::default().polling_only()
        };
        set(&mut bounds.body_bytes_max, self.body_bytes_max);
        set(
            &mut bounds.tenant_in_flight_bytes_max,
            self.tenant_in_flight_bytes_max,
        );
        set(&mut bounds.in_flight_bytes_max, self.in_flight_bytes_max);
        set(
            &mut bounds.request_rate.per_second,
            self.requests_per_second,
        );
        set(&mut bounds.request_rate.burst, self.burst);
        set(&mut bounds.upload_bytes_max, self.upload_bytes_max);
        // One setting for both: nothing on this machine makes them differ.
        set(
            &mut bounds.ticket_bytes_max,
            self.upload_bytes_max.map(|bytes| bytes as u64),
        );
        set(&mut bounds.output_bytes_max, self.output_bytes_max);
        set(&mut bounds.sources_bytes_max, self.sources_bytes_max);
        set(&mut bounds.output_timeout_ms, self.output_timeout_ms);
        set(&mut bounds.submit_timeout_ms, self.submit_timeout_ms);
        set(&mut bounds.uploads_max_ms, self.uploads_max_ms);
        set(&mut bounds.unknown_max_ms, self.unknown_max_ms);
        set(&mut bounds.denial.denials_min, self.denials_min);
        set(&mut bounds.denial.span_ms, self.denials_span_ms);
        set(&mut bounds.fair_queue_max_ms, self.fair_queue_max_ms);
        set(&mut bounds.archive_stall_ms, self.archive_stall_ms);
        set(&mut bounds.archive_max_ms, self.archive_max_ms);
        set(&mut bounds.archive_again_ms, self.archive_again_ms);
        set(&mut bounds.dead_link_max_ms, self.dead_link_max_ms);
        set(&mut bounds.outputs_kept_ms, self.outputs_kept_ms);
        set(&mut bounds.watch.first_ms, self.watch_first_ms);
        set(&mut bounds.watch.max_ms, self.watch_max_ms);
        set(&mut bounds.wake.first_ms, self.wake_first_ms);
        set(&mut bounds.wake.max_ms, self.wake_max_ms);
        set(&mut bounds.callback_timeout_ms, self.callback_timeout_ms);
        set(
            &mut bounds.callback_schedule_ms,
            self.callback_schedule_ms.clone(),
        );
        set(&mut bounds.usage_tasks_max, self.usage_tasks_max);
        bounds
    }
}

fn set<T>(bound: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *bound = value;
    }
}

/// Where the model runs.
#[derive(Debug, Clone)]
pub enum ProviderChoice {
    /// The bundled emulator, in this process.
    Emulator,
    Remote {
        url: Url,
        key: Secret,
    },
}

impl Settings {
    /// Merges defaults, the file, the environment and the flags that were given.
    pub fn load(file: Option<&Path>, flags: impl Serialize) -> Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            if !file.is_file() {
                bail!(
                    "the settings file {} does not exist or is not a file",
                    file.display()
                );
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let figment = figment
            .merge(Env::prefixed("FLUXGATE_").ignore(&ELSEWHERE).split("__"))
            .merge(Serialized::globals(flags));
        // serde takes a list for a struct, its fields in order.
        if figment
            .find_value("bounds")
            .is_ok_and(|bounds| bounds.as_dict().is_none())
        {
            bail!("the settings are not valid: 'bounds' is a table of names and values");
        }
        let settings: Self = figment.extract().map_err(one_line)?;
        settings.bounds.check()?;
        let provider_key = std::env::var("WAVESPEED_API_KEY")
            .ok()
            .filter(|key| !key.is_empty())
            .map(Secret::new);
        Ok(Self {
            provider_key,
            ..settings
        })
    }

    /// Fails when the provider is asked for without its key.
    pub fn provider(&self) -> Result<ProviderChoice> {
        match (self.provider.as_deref(), self.provider_key.clone()) {
            (Some("emulator"), _) | (None, None) => Ok(ProviderChoice::Emulator),
            (Some(url), Some(key)) => {
                let url = values::http_url(url)
                    .context("provider is neither 'emulator' nor the provider's base URL")?;
                Ok(ProviderChoice::Remote { url, key })
            }
            (Some(url), None) => {
                bail!(
                    "provider '{url}' needs the provider's key: set WAVESPEED_API_KEY, or use --provider emulator"
                )
            }
            (None, Some(key)) => {
                let url = Url::parse(PROVIDER_URL).expect("the provider's URL is one");
                Ok(ProviderChoice::Remote { url, key })
            }
        }
    }

    /// How names are looked up.
    pub fn names(&self) -> NameSettings {
        name_settings(&self.dns_server)
    }

    /// What the provider's account bears; `None`: no limits, and no line.
    pub fn capacity(&self) -> Option<Capacity> {
        Capacity::limited(
            self.provider_rate_per_minute.map(NonZeroU32::get),
            self.provider_concurrency.map(NonZeroU32::get),
        )
    }

    /// The settings by name for the operator's `/healthz`: neither paths nor anything secret.
    pub fn public_names(&self) -> std::collections::BTreeMap<String, String> {
        let text = |url: &Option<Url>| {
            url.as_ref().map_or_else(
                || "not set".to_owned(),
                |url| url.origin().ascii_serialization(),
            )
        };
        let count = |count: Option<NonZeroU32>| {
            count.map_or_else(|| "not set".to_owned(), |count| count.to_string())
        };
        let servers: Vec<String> = self.dns_server.iter().map(ToString::to_string).collect();
        let nets: Vec<String> = self.allow_net.iter().map(ToString::to_string).collect();
        [
            ("data", "set".to_owned()),
            ("listen", self.listen.to_string()),
            ("s3_listen", self.s3_listen().to_string()),
            ("base_url", text(&self.base_url)),
            ("s3_public_url", text(&self.s3_public_url)),
            ("public_url", text(&self.public_url)),
            ("provider", self.provider_name()),
            (
                "provider_rate_per_minute",
                count(self.provider_rate_per_minute),
            ),
            ("provider_concurrency", count(self.provider_concurrency)),
            ("allow_net", nets.join(" ")),
            ("dns_server", servers.join(" ")),
            ("log", self.log.clone()),
            ("stop_max_ms", self.stop_max_ms.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Without the user name and password that a URL may carry.
    fn provider_name(&self) -> String {
        match self.provider.as_deref() {
            None => "not set".to_owned(),
            Some("emulator") => "emulator".to_owned(),
            Some(url) => Url::parse(url).map_or_else(
                |_| "set".to_owned(),
                |url| url.origin().ascii_serialization(),
            ),
        }
    }

    pub fn s3_listen(&self) -> SocketAddr {
        let port = if self.listen.port() == 0 {
            0
        } else {
            self.listen.port().wrapping_add(1)
        };
        self.s3_listen
            .unwrap_or(SocketAddr::new(self.listen.ip(), port))
    }
}

/// What is wrong, where, in one line.
fn one_line(error: figment::Error) -> anyhow::Error {
    let text: Vec<String> = error.into_iter().map(|error| told(&error)).collect();
    anyhow::anyhow!("the settings are not valid: {}", text.join("; "))
}

fn told(error: &figment::Error) -> String {
    let now = match &error.kind {
        figment::error::Kind::UnknownField(name, _) => renamed(name),
        _ => None,
    };
    let text = error.to_string().replace('\n', " ");
    now.map_or_else(
        || text.clone(),
        |now| format!("{text}; it is called '{now}' now"),
    )
}
