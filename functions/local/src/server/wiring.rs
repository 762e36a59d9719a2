//! Which adapter implements which port.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use fluxgate_core::app::{
    AdminAccess, Alerter, Archiver, Batches, Callbacks, Capability, Deliveries, Endpoints, Exports,
    Gateway, GatewayParts, Hooks, Inbox, Machine, Metering, Notifier, OutputLinks, Receiver,
    Retention, Sender, Sweeper, Views, Watcher, Workers,
};
use fluxgate_core::port::{Purpose, SystemClock};
use fluxgate_core::task::BaseUrl;
use fluxgate_edge::{
    BytesInFlight, Edge, EdgeRoles, EventStreams, Health, Reads, ReceiverEdge, Setup, Throttle,
};
use fluxgate_embedded::objects::Objects;
use fluxgate_embedded::s3::S3Server;
use fluxgate_emulator::Emulator;
use fluxgate_outbound::{
    Guard, HttpCallbackSender, HttpOutputFetcher, ProviderSettings, Roots, WaveSpeedClient,
    check_api_key,
};
use tokio::sync::watch;
use url::Url;

use super::reachable;
use crate::destinations::Stores;
use crate::folder::DataFolder;
use crate::operating::authenticator;
use crate::provider_key::ProviderKey;
use crate::settings::Settings;
use crate::stores::{OwnStore, StoreParts};

const CATALOGUE_TTL_MS: u64 = 300_000;

/// The parts that have already been started.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) folder: &'a DataFolder,
    pub(super) addr: SocketAddr,
    pub(super) s3: &'a S3Server,
    pub(super) objects: &'a Objects,
    pub(super) guard: &'a Guard,
    pub(super) emulator: Option<&'a Emulator>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Every role of this process.
pub(super) struct Roles {
    pub(super) edge: Edge,
    pub(super) receiver: ReceiverEdge,
    pub(super) workers: Arc<Workers>,
    pub(super) sweeper: Sweeper,
    pub(super) retention: Retention,
    /// For the operator.
    pub(super) stores: Stores,
    pub(super) access: Arc<AdminAccess>,
    pub(super) alerter: Alerter,
}

pub(super) fn roles(parts: &Parts<'_>) -> Result<Roles> {
    let own_url = format!("http://{}", reachable(parts.addr));
    let public_url = public_url(parts, &own_url)?;
    let context = parts.folder.context();
    let capability = parts.folder.capability()?;
    let guard = Arc::new(guard(parts)?);
    let stores = StoreParts::new(&own_store(parts), parts.folder.vault(), &guard);
    let provider = provider(parts.settings, parts.emulator, parts.folder)?;
    let provider = Arc::new(provider.watching_the_clock());
    let machine = Machine::new(context.clone(), parts.settings.capacity());
    let webhooks = public_url.is_some();
    let hooks = public_url.map(|public_url| Hooks::new(&public_url, capability.clone()));
    let sender = Sender::new(machine.clone(), provider.clone(), hooks);
    let base_url = parts.settings.base_url.as_ref();
    let base_url = BaseUrl::fixed(base_url.map_or(own_url.as_str(), Url::as_str));
    let links = OutputLinks::Presigned(stores.signer.clone());
    let views = Views::new(context.clone(), base_url, links);
    let vault = parts.folder.vault();
    let sending = Arc::new(HttpCallbackSender::new(guard.client(Purpose::Callback)));
    let callbacks = Callbacks::new(context.clone(), views.clone(), vault.clone(), sending);
    let in_flight = Arc::new(BytesInFlight::new(&context.bounds));
    let access = parts.folder.admin_access();
    let alerter = machine.alerter();
    let gateway = Gateway::new(GatewayParts {
        sender: sender.clone(),
        views: views.clone(),
        vault: vault.clone(),
        guard: guard.clone(),
        signer: stores.signer.clone(),
        reader: stores.reader.clone(),
        capability: capability.clone(),
    });
    Ok(Roles {
        edge: edge(
            parts,
            (gateway, capability.clone()),
            &callbacks,
            &guard,
            in_flight.clone(),
            health(parts, access.clone(), webhooks),
        ),
        receiver: ReceiverEdge {
            receiver: Arc::new(Receiver::new(
                machine.clone(),
                provider,
                capability,
                Arc::new(parts.folder.store.clone()),
            )),
            in_flight,
        },
        sweeper: Sweeper::new(machine.clone(), Arc::new(parts.folder.store.clone())),
        retention: Retention::new(
            context.clone(),
            Arc::new(parts.folder.store.clone()),
            Exports::Begun,
        ),
        stores: stores.stores(),
        workers: workers(parts, machine, sender, callbacks, &guard, &stores),
        access,
        alerter,
    })
}

/// How the provider reaches the receiver, if it can.
fn public_url(parts: &Parts<'_>, own_url: &str) -> Result<Option<Url>> {
    Ok(match (&parts.settings.public_url, parts.emulator) {
        (Some(url), _) => Some(url.clone()),
        // The emulator runs in this process too and reaches the receiver by its address.
        (None, Some(_)) => Some(Url::parse(own_url)?),
        (None, None) => None,
    })
}

fn edge(
    parts: &Parts<'_>,
    (gateway, cursors): (Gateway, Capability),
    callbacks: &Callbacks,
    guard: &Arc<Guard>,
    in_flight: Arc<BytesInFlight>,
    health: Health,
) -> Edge {
    let (context, queue) = (parts.folder.context(), Arc::new(parts.folder.store.clone()));
    Edge::new(EdgeRoles {
        gateway: Arc::new(gateway),
        endpoints: Arc::new(Endpoints::new(
            guard.clone(),
            callbacks.clone(),
            queue.clone(),
        )),
        keys: Arc::new(parts.folder.api_keys()),
        deliveries: Arc::new(Deliveries::new(callbacks.clone(), queue.clone())),
        inbox: Arc::new(Inbox::new(callbacks.clone())),
        event_streams: Arc::new(EventStreams::new(context.bounds.relay.event_streams_max)),
        reads: Arc::new(Reads::new(&context.bounds)),
        bills: Arc::default(),
        hung_up: Arc::default(),
        batches: Arc::new(Batches::new(context.clone(), queue.clone())),
        metering: Arc::new(Metering::new(context.clone())),
        cursors,
        origin: None,
        authenticator: Arc::new(authenticator(&parts.folder.store, guard)),
        throttle: Arc::new(Throttle::new(
            Arc::new(SystemClock),
            context.bounds.request_rate,
        )),
        in_flight,
        health: Arc::new(health),
        stopping: parts.stopping.clone(),
    })
}

fn workers(
    parts: &Parts<'_>,
    machine: Machine,
    sender: Sender,
    callbacks: Callbacks,
    guard: &Arc<Guard>,
    stores: &StoreParts,
) -> Arc<Workers> {
    let queue = Arc::new(parts.folder.store.clone());
    let outputs = HttpOutputFetcher::new(guard.client(Purpose::Output));
    let outputs = outputs.within(machine.bounds().copies);
    let outputs = Arc::new(outputs.spooling_in(parts.objects.incoming()));
    Workers::new(
        Watcher::new(sender, queue.clone(), guard.clone()),
        Archiver::new(machine, queue.clone(), outputs, stores.objects.clone()),
        Notifier::new(queue, callbacks),
    )
}

/// A provider that the operator named by its address may be called there, because its outputs and
/// uploads are there.
fn guard(parts: &Parts<'_>) -> Result<Guard> {
    let named = parts
        .settings
        .provider
        .as_deref()
        .and_then(|url| Url::parse(url).ok());
    let provider = parts
        .emulator
        .map(|emulator| Url::parse(&emulator.base_url()))
        .transpose()?
        .or(named);
    Ok(provider.map_or_else(
        || parts.guard.clone(),
        |provider| parts.guard.with_provider(&provider),
    ))
}

fn own_store(parts: &Parts<'_>) -> OwnStore {
    let secrets = &parts.folder.secrets;
    let public = parts.settings.s3_public_url.as_ref();
    OwnStore {
        endpoint: format!("http://{}", reachable(parts.s3.addr())),
        public_endpoint: public.map(ToString::to_string),
        access_key: secrets.s3_access_key.clone(),
        secret_key: secrets.s3_secret_key.clone(),
        objects: Some(parts.objects.clone()),
    }
}

/// The emulator's client, if there is an emulator, else that of the configured provider, whose
/// catalogue stays in the folder: it may be down at the next start.
pub(super) fn provider(
    settings: &Settings,
    emulator: Option<&Emulator>,
    folder: &DataFolder,
) -> Result<WaveSpeedClient> {
    let provider =
        super::provider_note(settings, emulator)?.with_key(settings.provider_key.clone())?;
    // Without the user name and password that a URL may contain.
    let (origin, path) = (provider.0.origin().ascii_serialization(), provider.0.path());
    let catalogue = folder.store.catalogue_of(&format!("{origin}{path}"));
    let client = provider_client(provider, folder.bounds.provider_timeout_ms)?;
    Ok(match emulator {
        Some(_) => client,
        None => client.sharing(Arc::new(catalogue)),
    })
}

/// A client for the provider at this address, with this key.
pub(super) fn provider_client(
    (base_url, api_key): (Url, ProviderKey),
    timeout_ms: u64,
) -> Result<WaveSpeedClient> {
    check_api_key(&api_key.secret())?;
    Ok(WaveSpeedClient::new(ProviderSettings {
        base_url,
        api_key: Arc::new(api_key),
        timeout_ms,
        catalogue_ttl_ms: CATALOGUE_TTL_MS,
        roots: Roots::System,
    })?)
}

fn health(parts: &Parts<'_>, access: Arc<AdminAccess>, webhooks: bool) -> Health {
    let mut settings = parts.settings.public_names();
    if parts.emulator.is_some() {
        settings.insert(
            "provider".to_owned(),
            "emulator (not the real model)".to_owned(),
        );
    }
    Health {
        setup: Setup {
            completion: if webhooks { "webhook" } else { "poll" },
            settings,
        },
        access: Some(access),
    }
}
