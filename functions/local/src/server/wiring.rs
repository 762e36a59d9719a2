//! Which adapter stands behind which port.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use fluxgate_core::app::{Fluxgate, Ports, Settings as FlowSettings};
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Purpose, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::task::{BaseUrl, OutputLinks};
use fluxgate_core::webhook::CapabilityKey;
use fluxgate_edge::auth::{AuthBounds, Authenticator, KeySetFetcher};
use fluxgate_edge::{BytesInFlight, Edge, Health, OperatorToken, Setup, Throttle};
use fluxgate_embedded::s3::S3Server;
use fluxgate_emulator::Emulator;
use fluxgate_outbound::{
    Guard, HttpCallbackSender, HttpJwksFetcher, HttpOutputFetcher, ProviderSettings, Roots, WaveSpeedClient,
    check_api_key,
};
use fluxgate_s3::{S3Limits, S3ObjectStore, S3StoreSettings, fixed_keys};
use tokio::sync::watch;
use url::Url;

use super::{in_process, reachable};
use crate::folder::{DataFolder, SystemEntropy};
use crate::settings::Settings;

/// A key set or a discovery document is small.
const KEY_SET_BYTES_MAX: usize = 512 * 1024;
const KEY_SET_TIMEOUT_MS: u64 = 5_000;
const CATALOGUE_TTL_MS: u64 = 300_000;

/// What has been started already.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) folder: &'a DataFolder,
    pub(super) addr: SocketAddr,
    pub(super) s3: &'a S3Server,
    pub(super) guard: &'a Guard,
    pub(super) emulator: Option<&'a Emulator>,
    pub(super) stopping: watch::Receiver<bool>,
}

pub(super) fn edge(parts: &Parts<'_>) -> Result<Edge> {
    let own_url = format!("http://{}", reachable(parts.addr));
    let public_url = match (&parts.settings.public_url, parts.emulator) {
        (Some(url), _) => Some(url.clone()),
        // The emulator lives here too and reaches the receiver by its address.
        (None, Some(_)) => Some(Url::parse(&own_url)?),
        (None, None) => None,
    };
    let bounds = parts.settings.bounds.bounds(public_url.is_some());
    let guard = Arc::new(guard(parts)?);
    let throttle = Arc::new(Throttle::new(Arc::new(SystemClock), bounds.request_rate));
    let in_flight = Arc::new(BytesInFlight::new(&bounds));
    let fluxgate = Arc::new(Fluxgate {
        ports: ports(parts, &guard, bounds.provider_timeout_ms)?,
        settings: FlowSettings {
            bounds,
            base_url: BaseUrl::fixed(parts.settings.base_url.as_ref().map_or(own_url.as_str(), Url::as_str)),
            output_links: OutputLinks::Presigned,
            public_url: public_url.clone(),
            capability: CapabilityKey::new(parts.folder.secrets.capability),
            capacity: parts.settings.capacity(),
        },
    });
    let keys = Arc::new(GuardedKeySets(HttpJwksFetcher::new(guard.client(Purpose::KeySet))));
    let store = Arc::new(parts.folder.store.clone());
    let authenticator = Arc::new(Authenticator::new(store, keys, Arc::new(SystemClock), AuthBounds::default()));
    let health = Arc::new(health(parts, public_url.is_some()));
    Ok(Edge { fluxgate, authenticator, throttle, in_flight, health, stopping: parts.stopping.clone() })
}

fn ports(parts: &Parts<'_>, guard: &Arc<Guard>, provider_timeout_ms: u64) -> Result<Ports> {
    let store = Arc::new(parts.folder.store.clone());
    Ok(Ports {
        store: store.clone(),
        queue: store,
        objects: Arc::new(objects(parts)),
        provider: Arc::new(provider(parts.settings, parts.emulator, provider_timeout_ms)?),
        outputs: Arc::new(HttpOutputFetcher::new(guard.client(Purpose::Output))),
        callbacks: Arc::new(HttpCallbackSender::new(guard.client(Purpose::Callback))),
        guard: guard.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    })
}

/// A provider that the operator named by its address may be called there, for its outputs and uploads lie with it.
fn guard(parts: &Parts<'_>) -> Result<Guard> {
    let named = parts.settings.provider.as_deref().and_then(|url| Url::parse(url).ok());
    let provider = parts.emulator.map(|emulator| Url::parse(&emulator.base_url())).transpose()?.or(named);
    Ok(provider.map_or_else(|| parts.guard.clone(), |provider| parts.guard.with_provider(&provider)))
}

fn objects(parts: &Parts<'_>) -> S3ObjectStore {
    let secrets = &parts.folder.secrets;
    S3ObjectStore::new(S3StoreSettings {
        endpoint: Some(format!("http://{}", reachable(parts.s3.addr()))),
        public_endpoint: parts.settings.s3_public_url.as_ref().map(ToString::to_string),
        region: "us-east-1".to_owned(),
        credentials: fixed_keys(&secrets.s3_access_key, &secrets.s3_secret_key),
        force_path_style: true,
        http: Some(in_process::http_client(parts.s3.direct())),
        // The in-process server takes whole objects only.
        limits: S3Limits { multipart_over_bytes: None, ..S3Limits::default() },
    })
}

/// The client of the emulator, when there is one, else of the provider that the settings name.
pub(super) fn provider(settings: &Settings, emulator: Option<&Emulator>, timeout_ms: u64) -> Result<WaveSpeedClient> {
    let provider = super::provider_note(settings, emulator)?.with_key(settings.provider_key.clone())?;
    provider_client(provider, timeout_ms)
}

/// The client of whoever is called there, with this key.
pub(super) fn provider_client((base_url, api_key): (Url, Secret), timeout_ms: u64) -> Result<WaveSpeedClient> {
    check_api_key(&api_key)?;
    Ok(WaveSpeedClient::new(ProviderSettings {
        base_url,
        api_key: Arc::new(api_key),
        timeout_ms,
        catalogue_ttl_ms: CATALOGUE_TTL_MS,
        roots: Roots::System,
    })?)
}

fn health(parts: &Parts<'_>, webhooks: bool) -> Health {
    let mut settings = parts.settings.public_names();
    if parts.emulator.is_some() {
        settings.insert("provider".to_owned(), "emulator (not the real model)".to_owned());
    }
    Health {
        setup: Setup { completion: if webhooks { "webhook" } else { "poll" }, settings },
        operator: Some(OperatorToken::new(&parts.folder.secrets.admin_token)),
    }
}

/// Token issuers are named by tenants, so their key sets are fetched through the guard.
struct GuardedKeySets(HttpJwksFetcher);

#[async_trait]
impl KeySetFetcher for GuardedKeySets {
    async fn get_json(&self, tenant: &TenantId, url: &Url) -> fluxgate_core::Result<serde_json::Value> {
        self.0.get_json(tenant, url, KEY_SET_BYTES_MAX, KEY_SET_TIMEOUT_MS).await
    }
}
