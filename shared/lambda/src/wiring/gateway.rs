//! The two functions that serve public requests.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use fluxgate_core::app::{
    Batches, Callbacks, Deliveries, Endpoints, Gateway, GatewayParts, Inbox, Machine, Metering,
    OriginCheck, Receiver, Sender, SharedRates,
};
use fluxgate_core::port::{Purpose, SystemClock};
use fluxgate_core::rate::Rate;
use fluxgate_edge::{
    BytesInFlight, Edge, EdgeRoles, EventStreams, Health, Reads, ReceiverEdge, Setup, Throttle,
};
use fluxgate_outbound::{BucketReader, Guard, HttpCallbackSender, Roots};
use fluxgate_s3::S3Signer;
use tokio::sync::watch;
use url::Url;

use super::parts::{Parts, bounds, hooks, views};
use super::stored_secret::StoredSecret;
use super::ways_out::{authenticator, downloads, guard, provider_client, warm};
use crate::config::{Environment, GatewayConfig, ReceiverConfig};
use crate::init::InitError;
use crate::table_gate::TableGate;

/// The platform ends a process without saying so: nobody ever sends, and the sender must outlive
/// everybody who listens.
static NEVER_STOPPING: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// The tenant API.
pub async fn gateway(env: &Environment) -> Result<(Edge, TableGate), InitError> {
    let GatewayConfig {
        base,
        queues,
        provider,
        links,
        encryption_secret,
        signing_secret,
        origin_secret,
        allow_net,
        capacity,
    } = GatewayConfig::read(env)?;
    let parts = Parts::unopened(base, queues.into(), None)?;
    let context = parts.context(bounds(provider.public_url.as_ref()));
    let guard = Arc::new(guard(allow_net)?);
    let timeout_ms = context.bounds.provider_timeout_ms;
    let client = provider_client(&parts, &provider.account, timeout_ms)?;
    let origin = origin(&parts, origin_secret.as_deref())?;
    let capability = parts.capability(&links.capability_secret);
    parts.store.look_for_restorations();
    let (warm, origin_read) = (warm(&client), warm_origin(origin.as_ref()));
    let gate = parts.table_gate();
    let (table, capability, (), ()) = tokio::join!(gate, capability, warm, origin_read);
    let capability = capability?;
    let completion = completion(provider.public_url.as_ref());
    let hooks = hooks(provider.public_url, &capability);
    let views = views(context.clone(), links.base_url.as_ref(), capability.clone());
    let vault = parts.vault(&encryption_secret)?;
    let sending = Arc::new(HttpCallbackSender::new(guard.client(Purpose::Callback)));
    let callbacks = Callbacks::new(context.clone(), views.clone(), vault.clone(), sending);
    let signer = Arc::new(downloads(&parts, vault.clone()));
    let gateway = Gateway::new(GatewayParts {
        sender: Sender::new(
            Machine::new(context.clone(), capacity),
            Arc::new(client),
            hooks,
        ),
        views,
        vault,
        guard: guard.clone(),
        signer: signer.clone(),
        reader: Arc::new(reader(signer, &guard)),
        capability: capability.clone(),
    });
    let edge = Edge::new(EdgeRoles {
        gateway: Arc::new(gateway),
        endpoints: Arc::new(Endpoints::new(
            guard.clone(),
            callbacks.clone(),
            parts.queue.clone(),
        )),
        keys: Arc::new(parts.api_keys(context.clone(), &signing_secret)?),
        deliveries: Arc::new(Deliveries::new(callbacks.clone(), parts.queue.clone())),
        inbox: Arc::new(Inbox::new(callbacks.clone())),
        event_streams: Arc::new(EventStreams::new(context.bounds.relay.event_streams_max)),
        reads: Arc::new(Reads::new(&context.bounds)),
        bills: Arc::default(),
        hung_up: Arc::default(),
        batches: Arc::new(Batches::new(context.clone(), parts.queue.clone())),
        metering: Arc::new(Metering::new(context.clone())),
        cursors: capability,
        origin: origin.map(|secret| Arc::new(OriginCheck::new(Arc::new(secret)))),
        authenticator: Arc::new(authenticator(&parts, &guard)),
        throttle: Arc::new(throttle(&parts, context.bounds.request_rate)),
        in_flight: Arc::new(BytesInFlight::new(&context.bounds)),
        health: Arc::new(health(completion)),
        stopping: NEVER_STOPPING.subscribe(),
    });
    Ok((edge, table))
}

/// Tenants' own limits hold for all environments together.
fn throttle(parts: &Parts, default: Rate) -> Throttle {
    let shared = SharedRates::new(parts.store.clone(), Arc::new(SystemClock));
    Throttle::new(Arc::new(SystemClock), default).with_shared(Arc::new(shared))
}

fn origin(parts: &Parts, secret: Option<&str>) -> Result<Option<StoredSecret>, InitError> {
    let named = secret.map(|name| StoredSecret::named(&parts.secrets, name));
    Ok(named.transpose()?)
}

/// Reads the secret before the first request waits for it, which otherwise reads it again.
async fn warm_origin(secret: Option<&StoredSecret>) {
    let Some(secret) = secret else {
        return;
    };
    if let Err(error) = secret.get().await {
        tracing::warn!(
            error = error.with_causes(),
            "cannot read the origin secret yet; every request is refused until it can be read"
        );
    }
}

fn completion(public_url: Option<&Url>) -> &'static str {
    match public_url {
        Some(_) => "webhook",
        None => "poll",
    }
}

/// Reads outputs by links that the gateway signs for itself.
fn reader(signer: Arc<S3Signer>, guard: &Guard) -> BucketReader {
    BucketReader::new(signer, Roots::Bundled, guard.client(Purpose::Store))
}

fn health(completion: &'static str) -> Health {
    Health {
        setup: Setup {
            completion,
            settings: BTreeMap::new(),
        },
        access: None,
    }
}

/// The function that the provider calls.
pub async fn receiver(env: &Environment) -> Result<(ReceiverEdge, TableGate), InitError> {
    let ReceiverConfig {
        base,
        queues,
        capability_secret,
        webhook_secret,
        capacity,
    } = ReceiverConfig::read(env)?;
    let parts = Parts::unopened(base, queues.into(), None)?;
    let (parts, capability, table) = parts.gated_with_capability(&capability_secret).await?;
    let webhook_secret = Arc::new(StoredSecret::named(&parts.secrets, &webhook_secret)?);
    let context = parts.context(bounds(None));
    let in_flight = Arc::new(BytesInFlight::new(&context.bounds));
    let machine = Machine::new(context, capacity);
    let receiver = Receiver::new(machine, webhook_secret, capability, parts.queue);
    let edge = ReceiverEdge {
        receiver: Arc::new(receiver),
        in_flight,
    };
    Ok((edge, table))
}
