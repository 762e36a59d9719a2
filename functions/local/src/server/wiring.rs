//! Which adapter implements which port.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use fluxgate_core::app::{
    Archiver, Batches, Callbacks, Deliveries, Endpoints, Gateway, GatewayParts, Hooks, Inbox,
    Machine, Metering, Notifier, OutputLinks, Receiver, Sender, Sweeper, Trusts, Views, Watcher,
    Workers,
};
use fluxgate_core::port::{Purpose, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::task::BaseUrl;
use fluxgate_core::webhook::CapabilityKey;
use fluxgate_edge::auth::{AuthBounds, Authenticator};
use fluxgate_edge::{
    BytesInFlight, Edge, EventStreams, Health, OperatorToken, Reads, ReceiverEdge, Setup, Throttle,
};
use fluxgate_embedded::s3::S3Server;
use fluxgate_emulator::Emulator;
use fluxgate_outbound::{
    BucketReader, Guard, HttpCallbackSender, HttpKeySetFetcher, HttpOutputFetcher, KeySetBounds,
    ProviderSettings, Roots, WaveSpeedClient, check_api_key,
};
use fluxgate_s3::{
    S3Limits, S3ObjectStore, S3Signer, S3SignerSettings, S3StoreSettings, fixed_keys,
};
use tokio::sync::watch;
use url::Url;

use super::{in_process, reachable};
use crate::folder::DataFolder;
use crate::settings::Settings;

const CATALOGUE_TTL_MS: u64 = 300_000;
/// The S3 server has but one.
const REGION: &str = "us-east-1";

/// The parts that have already been started.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) folder: &'a DataFolder,
    pub(super) addr: SocketAddr,
    pub(super) s3: &'a S3Server,
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
}

pub(super) fn roles(parts: &Parts<'_>) -> Result<Roles> {
    let own_url = format!("http://{}", reachable(parts.addr));
    let public_url = match (&parts.settings.public_url, parts.emulator) {
        (Some(url), _) => Some(url.clone()),
        // The emulator runs in this process too and reaches the receiver by its address.
        (None, Some(_)) => Some(Url::parse(&own_url)?),
        (None, None) => None,
    };
    let context = parts.folder.context();
    let capability = CapabilityKey::new(parts.folder.secrets.capability);
    let guard = Arc::new(guard(parts)?);
    let objects = Arc::new(objects(parts));
    let provider = Arc::new(provider(
        parts.settings,
        parts.emulator,
        context.bounds.provider_timeout_ms,
    )?);
    let machine = Machine::new(context.clone(), parts.settings.capacity());
    let webhooks = public_url.is_some();
    let hooks = public_url.map(|public_url| Hooks {
        public_url,
        capability: capability.clone(),
    });
    let sender = Sender::new(machine.clone(), provider.clone(), hooks);
    let base_url = BaseUrl::fixed(
        parts
            .settings
            .base_url
            .as_ref()
            .map_or(own_url.as_str(), Url::as_str),
    );
    let views = Views::new(
        context.clone(),
        base_url,
        OutputLinks::Presigned(objects.clone()),
    );
    let vault = parts.folder.vault();
    let sending = Arc::new(HttpCallbackSender::new(guard.client(Purpose::Callback)));
    let callbacks = Callbacks::new(context.clone(), views.clone(), vault.clone(), sending);
    let in_flight = Arc::new(BytesInFlight::new(&context.bounds));
    let gateway = Gateway::new(GatewayParts {
        sender: sender.clone(),
        views: views.clone(),
        vault: vault.clone(),
        guard: guard.clone(),
        signer: objects.clone(),
        reader: Arc::new(BucketReader::new(own_signer(parts), Roots::System)),
        capability: capability.clone(),
    });
    Ok(Roles {
        edge: edge(
            parts,
            gateway,
            &callbacks,
            &guard,
            in_flight.clone(),
            webhooks,
        ),
        receiver: ReceiverEdge {
            receiver: Arc::new(Receiver::new(machine.clone(), provider, capability)),
            in_flight,
        },
        sweeper: Sweeper::new(machine.clone(), Arc::new(parts.folder.store.clone())),
        workers: workers(parts, machine, sender, callbacks, &guard, objects),
    })
}

fn edge(
    parts: &Parts<'_>,
    gateway: Gateway,
    callbacks: &Callbacks,
    guard: &Arc<Guard>,
    in_flight: Arc<BytesInFlight>,
    webhooks: bool,
) -> Edge {
    let (context, queue) = (parts.folder.context(), Arc::new(parts.folder.store.clone()));
    Edge {
        gateway: Arc::new(gateway),
        endpoints: Arc::new(Endpoints::new(
            guard.clone(),
            callbacks.clone(),
            queue.clone(),
        )),
        deliveries: Arc::new(Deliveries::new(callbacks.clone(), queue.clone())),
        inbox: Arc::new(Inbox::new(callbacks.clone())),
        event_streams: Arc::new(EventStreams::new(context.bounds.relay.event_streams_max)),
        reads: Arc::new(Reads::new(&context.bounds)),
        hung_up: Arc::default(),
        batches: Arc::new(Batches::new(context.clone(), queue.clone())),
        metering: Arc::new(Metering::new(context.clone())),
        authenticator: Arc::new(authenticator(parts, guard)),
        throttle: Arc::new(Throttle::new(
            Arc::new(SystemClock),
            context.bounds.request_rate,
        )),
        in_flight,
        health: Arc::new(health(parts, webhooks)),
        stopping: parts.stopping.clone(),
    }
}

fn workers(
    parts: &Parts<'_>,
    machine: Machine,
    sender: Sender,
    callbacks: Callbacks,
    guard: &Arc<Guard>,
    objects: Arc<S3ObjectStore>,
) -> Arc<Workers> {
    let queue = Arc::new(parts.folder.store.clone());
    let outputs = Arc::new(HttpOutputFetcher::new(guard.client(Purpose::Output)));
    Workers::new(
        Watcher::new(sender, queue.clone(), guard.clone()),
        Archiver::new(machine, queue.clone(), outputs, objects),
        Notifier::new(queue, callbacks),
    )
}

fn authenticator(parts: &Parts<'_>, guard: &Guard) -> Authenticator {
    let keys = HttpKeySetFetcher::new(guard.client(Purpose::KeySet), KeySetBounds::default());
    let trusts = Trusts::new(Arc::new(parts.folder.store.clone()), Arc::new(keys));
    Authenticator::new(trusts, Arc::new(SystemClock), AuthBounds::default())
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

/// Signs for this process itself, which reaches the S3 server by its own address.
fn own_signer(parts: &Parts<'_>) -> Arc<S3Signer> {
    let secrets = &parts.folder.secrets;
    Arc::new(S3Signer::new(S3SignerSettings {
        endpoint: Some(format!("http://{}", reachable(parts.s3.addr()))),
        region: REGION.to_owned(),
        credentials: fixed_keys(&secrets.s3_access_key, &secrets.s3_secret_key),
        force_path_style: true,
    }))
}

fn objects(parts: &Parts<'_>) -> S3ObjectStore {
    let secrets = &parts.folder.secrets;
    S3ObjectStore::new(S3StoreSettings {
        endpoint: Some(format!("http://{}", reachable(parts.s3.addr()))),
        public_endpoint: parts
            .settings
            .s3_public_url
            .as_ref()
            .map(ToString::to_string),
        region: REGION.to_owned(),
        credentials: fixed_keys(&secrets.s3_access_key, &secrets.s3_secret_key),
        force_path_style: true,
        http: Some(in_process::http_client(parts.s3.direct())),
        // The in-process server accepts whole objects only.
        limits: S3Limits {
            multipart_over_bytes: None,
            ..S3Limits::default()
        },
    })
}

/// The emulator's client, if there is an emulator, else that of the configured provider.
pub(super) fn provider(
    settings: &Settings,
    emulator: Option<&Emulator>,
    timeout_ms: u64,
) -> Result<WaveSpeedClient> {
    let provider =
        super::provider_note(settings, emulator)?.with_key(settings.provider_key.clone())?;
    provider_client(provider, timeout_ms)
}

/// A client for the provider at this address, with this key.
pub(super) fn provider_client(
    (base_url, api_key): (Url, Secret),
    timeout_ms: u64,
) -> Result<WaveSpeedClient> {
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
        operator: Some(OperatorToken::new(&parts.folder.secrets.admin_token)),
    }
}
