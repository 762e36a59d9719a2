//! The two functions that the world calls.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use fluxgate_core::app::Ports;
use fluxgate_core::bounds::Bounds;
use fluxgate_core::fair_queue::Capacity;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Purpose, SystemClock};
use fluxgate_edge::auth::{AuthBounds, Authenticator, KeySetFetcher};
use fluxgate_edge::{BytesInFlight, Edge, Health, Setup, Throttle};
use fluxgate_outbound::HttpJwksFetcher;
use tokio::sync::watch;
use url::Url;

use super::parts::{Linking, Parts, bounds, fluxgate};
use super::stored_secret::StoredSecret;
use super::ways_out::{Downloads, guard, provider_client, warm};
use crate::absent::{Absent, NoProvider};
use crate::config::{Environment, GatewayConfig, ReceiverConfig};
use crate::init::InitError;

/// A key set or a discovery document is small.
const KEY_SET_BYTES_MAX: usize = 512 * 1024;
const KEY_SET_TIMEOUT_MS: u64 = 5_000;

/// The platform ends a process without saying so: nobody ever sends, and the sender must outlive everybody who listens.
static NEVER_STOPPING: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// The tenant API.
pub async fn gateway(env: &Environment) -> Result<Edge, InitError> {
    let GatewayConfig { base, queues, provider, links, allow_net, capacity } = GatewayConfig::read(env)?;
    let parts = Parts::unopened(base, queues.into(), None)?;
    let bounds = bounds(provider.public_url.as_ref());
    let guard = Arc::new(guard(allow_net)?);
    let keys = GuardedKeySets(HttpJwksFetcher::new(guard.client(Purpose::KeySet)));
    let client = provider_client(&parts, &provider.account, bounds.provider_timeout_ms)?;
    let capability = parts.capability(&links.capability_secret);
    let (table, capability, ()) = tokio::join!(parts.store.check_schema(), capability, warm(&client));
    table?;
    let objects = Arc::new(Downloads::of(&parts));
    let ports = Ports { objects, provider: Arc::new(client), guard, ..parts.ports() };
    let linking = Linking { capability: capability?, base_url: links.base_url, public_url: provider.public_url };
    Ok(edge(ports, bounds, linking, capacity, Arc::new(keys)))
}

/// What the provider calls.
pub async fn receiver(env: &Environment) -> Result<Edge, InitError> {
    let ReceiverConfig { base, queues, capability_secret, webhook_secret, capacity } = ReceiverConfig::read(env)?;
    let (parts, capability) = Parts::open_with_capability(base, queues.into(), None, &capability_secret).await?;
    let webhook_secret = Some(StoredSecret::named(&parts.secrets, &webhook_secret)?);
    let ports = Ports { provider: Arc::new(NoProvider { webhook_secret }), ..parts.ports() };
    let linking = Linking { capability, base_url: None, public_url: None };
    Ok(edge(ports, bounds(None), linking, capacity, Arc::new(Absent)))
}

fn edge(
    ports: Ports,
    bounds: Bounds,
    linking: Linking,
    capacity: Option<Capacity>,
    keys: Arc<dyn KeySetFetcher>,
) -> Edge {
    let completion = if linking.public_url.is_some() { "webhook" } else { "poll" };
    let authenticator = Authenticator::new(ports.store.clone(), keys, Arc::new(SystemClock), AuthBounds::default());
    let throttle = Throttle::new(Arc::new(SystemClock), bounds.request_rate);
    let in_flight = BytesInFlight::new(&bounds);
    Edge {
        fluxgate: fluxgate(ports, bounds, linking, capacity),
        authenticator: Arc::new(authenticator),
        throttle: Arc::new(throttle),
        in_flight: Arc::new(in_flight),
        health: Arc::new(Health { setup: Setup { completion, settings: BTreeMap::new() }, operator: None }),
        stopping: NEVER_STOPPING.subscribe(),
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
