//! The operator's settings: flags override the environment, which overrides one TOML file, which
//! overrides the defaults. Unknown keys are errors.

mod bounds;
mod dns_server;
mod log_style;
mod overridden;
mod wording;

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use fluxgate_core::fair_queue::Capacity;
use fluxgate_outbound::NameSettings;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::certificate::CertificateFiles;
use crate::connections::ConnectionSettings;
use crate::provider_key::ProviderKey;
use crate::values;
pub use bounds::{BoundsSettings, NotedBounds};
pub use dns_server::{DnsServer, name_settings};
pub use log_style::LogStyle;
pub use overridden::Overridden;
use overridden::overridden;
use wording::one_line;

/// Variables with our prefix that are not settings of `serve`.
const ELSEWHERE: [&str; 6] = [
    "config",
    "token",
    "url",
    "endpoint_secret",
    "admin_url",
    "admin_token",
];

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
    /// The certificate chain of both listeners, in PEM; without it they speak plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The URL by which tenants reach the API, if not its address.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_url"
    )]
    pub base_url: Option<Url>,
    /// The URL by which tenants reach the S3 server, if not its address.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_url"
    )]
    pub s3_public_url: Option<Url>,
    /// The URL that the provider sends webhooks to; without it Fluxgate polls for completions.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_url"
    )]
    pub public_url: Option<Url>,
    /// `emulator`, or the provider's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Submits per minute that the provider's account allows, for all tenants together.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_count"
    )]
    pub provider_rate_per_minute: Option<NonZeroU32>,
    /// Concurrent runs that the provider's account allows, for all tenants together.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_count"
    )]
    pub provider_concurrency: Option<NonZeroU32>,
    /// Non-public networks that callbacks, pictures and outputs may use.
    #[serde(default, deserialize_with = "values::read_networks")]
    pub allow_net: Vec<IpNet>,
    /// The DNS servers for names from tenants and for the provider's outputs; if empty, those in
    /// `/etc/resolv.conf`.
    #[serde(default, deserialize_with = "values::read_dns_servers")]
    pub dns_server: Vec<DnsServer>,
    /// The log filter, in the syntax of tracing's `EnvFilter`.
    pub log: String,
    /// How log lines look; by default text on a terminal, JSON elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogStyle>,
    /// How long shutdown may take, in milliseconds.
    pub stop_max_ms: u64,
    /// Where `/metrics` alone is served, without a token.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "values::read_optional_address"
    )]
    pub metrics_listen: Option<SocketAddr>,
    /// `/metrics` is open to whoever reaches the API, without an admin token.
    #[serde(default)]
    pub open_metrics: bool,
    #[serde(default)]
    pub bounds: BoundsSettings,
    #[serde(default)]
    pub connections: ConnectionSettings,
    /// The provider's key. Never a flag or a key of the file: read from `WAVESPEED_API_KEY`, or
    /// from the file that `WAVESPEED_API_KEY_FILE` names.
    #[serde(skip)]
    pub provider_key: Option<ProviderKey>,
    /// What the file says and a variable says otherwise.
    #[serde(skip)]
    pub overridden: Vec<Overridden>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("fluxgate-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            s3_listen: None,
            tls_cert: None,
            tls_key: None,
            base_url: None,
            s3_public_url: None,
            public_url: None,
            provider: None,
            provider_rate_per_minute: None,
            provider_concurrency: None,
            allow_net: Vec::new(),
            dns_server: Vec::new(),
            log: "info".to_owned(),
            log_format: None,
            stop_max_ms: 10_000,
            metrics_listen: None,
            open_metrics: false,
            bounds: BoundsSettings::default(),
            connections: ConnectionSettings::default(),
            provider_key: None,
            overridden: Vec::new(),
        }
    }
}

/// The settings are wrong, and why.
#[derive(Debug)]
pub struct BadSettings(anyhow::Error);

impl Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for BadSettings {}

/// Of a setting that is found to be wrong only when it is used.
pub(crate) fn bad_settings(error: anyhow::Error) -> anyhow::Error {
    BadSettings(error).into()
}

/// Where the model runs.
#[derive(Debug, Clone)]
pub enum ProviderChoice {
    /// The bundled emulator, in this process.
    Emulator,
    Remote {
        url: Url,
        key: ProviderKey,
    },
}

impl Settings {
    /// Merges the defaults, the file, the environment and the given flags.
    pub fn load(file: Option<&Path>, flags: impl Serialize) -> Result<Self> {
        Self::merged(file, flags).map_err(|error| BadSettings(error).into())
    }

    fn merged(file: Option<&Path>, flags: impl Serialize) -> Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        let environment = || Env::prefixed("FLUXGATE_").ignore(&ELSEWHERE).split("__");
        let mut won = Vec::new();
        if let Some(file) = file {
            if !file.is_file() {
                bail!(
                    "the settings file {} does not exist or is not a file",
                    file.display()
                );
            }
            won = overridden(Toml::file_exact(file), environment(), &flags);
            figment = figment.merge(Toml::file_exact(file));
        }
        let figment = figment
            .merge(environment())
            .merge(Serialized::globals(flags));
        // serde would accept a list for a struct, with its fields in order.
        if figment
            .find_value("bounds")
            .is_ok_and(|bounds| bounds.as_dict().is_none())
        {
            bail!("the settings are not valid: 'bounds' must be a table of names and values");
        }
        let settings: Self = figment.extract().map_err(one_line)?;
        settings.bounds.check()?;
        settings.certificate()?;
        let provider_key = ProviderKey::of_environment()?;
        Ok(Self {
            provider_key,
            overridden: won,
            ..settings
        })
    }

    /// The certificate of the listeners, if they have one.
    pub(crate) fn certificate(&self) -> Result<Option<CertificateFiles>> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(CertificateFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            _ => bail!("a certificate and its key go together: set both --tls-cert and --tls-key"),
        }
    }

    /// Fails if the provider is configured without its key.
    pub fn provider(&self) -> Result<ProviderChoice> {
        self.chosen().map_err(|error| BadSettings(error).into())
    }

    fn chosen(&self) -> Result<ProviderChoice> {
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
                let url = Url::parse(PROVIDER_URL).expect("the provider's URL is valid");
                Ok(ProviderChoice::Remote { url, key })
            }
        }
    }

    /// The bounds as the commands beside the server are to have them. Completions come by webhook
    /// where the provider reaches the receiver, or is the emulator in this process.
    pub fn noted_bounds(&self) -> Result<NotedBounds> {
        let is_emulator = matches!(self.provider()?, ProviderChoice::Emulator);
        Ok(NotedBounds {
            webhooks: self.public_url.is_some() || is_emulator,
            bounds: self.bounds.clone(),
        })
    }

    /// How names are looked up.
    pub fn names(&self) -> NameSettings {
        name_settings(&self.dns_server)
    }

    /// The limits of the provider's account; `None`: no limits, and no fair queue.
    pub fn capacity(&self) -> Option<Capacity> {
        Capacity::limited(
            self.provider_rate_per_minute.map(NonZeroU32::get),
            self.provider_concurrency.map(NonZeroU32::get),
        )
    }

    /// The settings by name for the operator's `/healthz`, without paths or secrets.
    pub fn public_names(&self) -> std::collections::BTreeMap<String, String> {
        let text = |url: &Option<Url>| {
            url.as_ref().map_or_else(
                || "not set".to_owned(),
                |url| url.origin().ascii_serialization(),
            )
        };
        let set = |path: &Option<PathBuf>| {
            let said = if path.is_some() { "set" } else { "not set" };
            said.to_owned()
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
            ("tls_cert", set(&self.tls_cert)),
            ("tls_key", set(&self.tls_key)),
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
            (
                "log_format",
                self.log_format
                    .map_or("not set", LogStyle::as_str)
                    .to_owned(),
            ),
            ("stop_max_ms", self.stop_max_ms.to_string()),
            (
                "metrics_listen",
                self.metrics_listen
                    .map_or_else(|| "not set".to_owned(), |address| address.to_string()),
            ),
            ("open_metrics", self.open_metrics.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Without the user name and password that a URL may contain.
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
