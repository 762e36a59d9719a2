//! Every function in one process: the API, the admin API, the receiver, the queue's consumers, the
//! S3 server and, if configured, the emulator.

mod buckets;
mod docs;
mod metrics;
mod provider;
mod pump;
mod readiness;
mod secured;
mod upkeep;
mod wiring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use fluxgate_core::admin::AdminScope;
use fluxgate_core::app::{AdminAccess, Machine, OperatorWork};
use fluxgate_edge::{Edge, OperatorEdge, OperatorRoles, ReceiverEdge, with_admin_scope};
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::Objects;
use fluxgate_embedded::s3::{S3Server, S3Settings};
use fluxgate_embedded::sqlite::FolderLock;
use fluxgate_emulator::Emulator;
use fluxgate_listen::{ConnectionBounds, Listening, RequestBody};
use fluxgate_outbound::{Guard, GuardPolicy};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::folder::{DataFolder, NotedSettings};
use crate::settings::Settings;
use buckets::{open_objects, s3_settings, s3_started};
use metrics::Metrics;
pub use metrics::{OWN_METRICS, PROCESS_METRICS};
pub(crate) use provider::{named_provider, provider_of};
use provider::{provider_note, start_emulator};
use pump::Pump;
use secured::{Secured, SecuredServing};

/// A running gateway. Dropping it is like a crash: the next start resumes everything.
pub struct Server {
    folder: DataFolder,
    stop: watch::Sender<bool>,
    serving: Listening,
    secured: Option<SecuredServing>,
    pump: Pump,
    recovery: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    telling: JoinHandle<()>,
    scraping: Option<Listening>,
    s3: S3Server,
    objects: Objects,
    emulator: Option<Emulator>,
    stop_max: Duration,
    _lock: FolderLock,
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    fluxgate_listen::bind(address).with_context(|| {
        format!("cannot listen on {address}; choose another address with --listen")
    })
}

/// The admin API, which asks the provider by a client of its own.
fn operator_edge(
    settings: &Settings,
    folder: &DataFolder,
    roles: &wiring::Roles,
    emulator: Option<&Emulator>,
) -> Result<OperatorEdge> {
    let provider = wiring::provider(settings, emulator, folder)?;
    let machine = Machine::new(folder.context(), settings.capacity());
    Ok(OperatorEdge::new(OperatorRoles {
        operator: Arc::new(folder.operator_of_server(Arc::new(provider), roles.stores.clone())),
        keys: roles.edge.keys.clone(),
        endpoints: roles.edge.endpoints.clone(),
        deliveries: roles.edge.deliveries.clone(),
        batches: roles.edge.batches.clone(),
        work: OperatorWork::new(machine, Arc::new(folder.store.clone())),
        authenticator: roles.edge.authenticator.clone(),
        access: Some(roles.access.clone()),
        cursors: roles.edge.cursors.clone(),
    }))
}

/// Everything that the API's listener serves.
fn router(
    edge: Edge,
    receiver: ReceiverEdge,
    operator: OperatorEdge,
    access: Arc<AdminAccess>,
    metrics: Router,
) -> Router {
    let docs = docs::router(edge.gateway.base_url());
    fluxgate_edge::api_router(edge)
        .merge(fluxgate_edge::receiver_router(receiver))
        .merge(fluxgate_edge::admin_router_with_token(operator, access))
        .merge(metrics)
        .merge(docs)
}

/// `/metrics` on the API's listener.
fn metrics_route(settings: &Settings, metrics: &Metrics, access: &Arc<AdminAccess>) -> Router {
    if settings.open_metrics {
        return metrics.router();
    }
    with_admin_scope(metrics.router(), access.clone(), AdminScope::Metrics)
}

/// The API's listener without TLS: for commands alone beside one with it.
fn plain_listener(secured: Option<&Secured>, settings: &Settings) -> Result<TcpListener> {
    match secured {
        Some(_) => secured::bind_own(&settings.data),
        None => bind(settings.listen),
    }
}

/// The buckets' listener without TLS.
fn plain_s3(secured: Option<&Secured>, buckets: S3Settings) -> Result<S3Server> {
    let listen = secured.map_or(buckets.listen, |_| secured::OWN);
    s3_started(S3Settings { listen, ..buckets }, None)
}

/// For commands that run beside this server.
fn note(
    folder: &DataFolder,
    settings: &Settings,
    emulator: Option<&Emulator>,
    addr: SocketAddr,
) -> Result<()> {
    let own_address = settings.tls_cert.as_ref().map(|_| addr);
    folder.note_settings(&NotedSettings::of(settings).with_own_address(own_address))?;
    folder.note_provider(&provider_note(settings, emulator)?)?;
    folder.note_server(Some(&format!("http://{}", reachable(addr))))
}

/// Answers requests to the API, and measures how long that takes.
fn serve(
    listener: TcpListener,
    bounds: ConnectionBounds,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
) -> Result<Listening> {
    let answer = move |request: Request<RequestBody>| {
        let method = request.method().clone();
        metrics::timed(method, router.clone().oneshot(request.map(Body::new)))
    };
    Ok(Listening::start_with(listener, bounds, tls, answer)?)
}

impl Server {
    /// Opens the folder, binds the ports and starts serving. The error is one line that says what
    /// failed.
    pub async fn start(mut settings: Settings) -> Result<Self> {
        let bounds = settings.noted_bounds()?;
        let folder = DataFolder::open_with(&settings.data, bounds.in_force())?;
        let lock = FolderLock::acquire(&settings.data)?;
        upkeep::tell_longer_kept(&folder.bounds);
        let listeners = settings
            .connections
            .listeners(fluxgate_listen::raise_file_limit());
        let secured = Secured::bind(&settings)?;
        let listener = plain_listener(secured.as_ref(), &settings)?;
        let addr = listener.local_addr()?;
        let scraped = settings.metrics_listen.map(metrics::bind).transpose()?;
        let objects = open_objects(&folder)?;
        let buckets = s3_settings(settings.s3_listen(), &folder, &objects, &listeners);
        let s3 = plain_s3(secured.as_ref(), buckets.clone())?;
        let public_s3 = secured.as_ref();
        let public_s3 = public_s3.map(|it| it.start_s3(&mut settings, buckets));
        let public_s3 = public_s3.transpose()?;
        let guard = Guard::new(
            GuardPolicy::allowing(settings.allow_net.clone()),
            settings.names(),
        )?;
        let emulator = start_emulator(&settings, &listeners, &guard).await?;
        folder.note_bounds(&bounds)?;
        note(&folder, &settings, emulator.as_ref(), addr)?;
        let (stop, stopped) = watch::channel(false);
        let roles = wiring::roles(&wiring::Parts {
            settings: &settings,
            folder: &folder,
            addr,
            s3: &s3,
            objects: &objects,
            guard: &guard,
            emulator: emulator.as_ref(),
            stopping: stopped,
        })?;
        let metrics = Metrics::begin(&folder.store, &objects).await?;
        let scraping = scraped.map(|on| metrics.listen(on)).transpose()?;
        let upkeep = tokio::spawn(metrics.clone().keep_up());
        let telling = tokio::spawn(upkeep::keep_telling(roles.alerter.clone()));
        roles.sweeper.recount_all_slots().await?;
        let pump = Pump::start(&roles.workers);
        let operator = operator_edge(&settings, &folder, &roles, emulator.as_ref())?;
        let recovery = tokio::spawn(upkeep::recover_and_keep_up(roles.sweeper, roles.retention));
        let metrics = metrics_route(&settings, &metrics, &roles.access);
        let router = router(roles.edge, roles.receiver, operator, roles.access, metrics)
            .merge(readiness::router(folder.store.clone()));
        let secured = secured
            .zip(public_s3)
            .map(|(secured, s3)| secured.serve(listeners.api.clone(), router.clone(), s3))
            .transpose()?;
        let serving = serve(listener, listeners.api, None, router)?;
        Ok(Self {
            folder,
            stop,
            serving,
            secured,
            pump,
            recovery,
            upkeep,
            telling,
            scraping,
            s3,
            objects,
            emulator,
            stop_max: Duration::from_millis(settings.stop_max_ms),
            _lock: lock,
        })
    }

    pub fn base_url(&self) -> String {
        match &self.secured {
            Some(secured) => format!("https://{}", reachable(secured.api.addr())),
            None => format!("http://{}", reachable(self.serving.addr())),
        }
    }

    pub fn s3_url(&self) -> String {
        match &self.secured {
            Some(secured) => format!("https://{}", reachable(secured.s3.addr())),
            None => format!("http://{}", reachable(self.s3.addr())),
        }
    }

    /// Where `/metrics` needs no token, if it has a listener of its own.
    pub fn metrics_url(&self) -> Option<String> {
        let scraping = self.scraping.as_ref()?;
        Some(format!("http://{}/metrics", reachable(scraping.addr())))
    }

    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// What is in the buckets.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The emulator in this process, if there is one.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }

    /// Stops accepting, finishes what is in progress within the bound, and leaves the rest to the
    /// next start.
    pub async fn stop(self) {
        let deadline = Instant::now() + self.stop_max;
        self.stop.send_replace(true);
        self.recovery.abort();
        self.upkeep.abort();
        self.telling.abort();
        let of_tenants = async {
            match self.secured {
                Some(secured) => secured.stop(deadline).await,
                None => true,
            }
        };
        let (in_time, own_in_time) = tokio::join!(of_tenants, self.serving.stop(deadline));
        if !(in_time && own_in_time) {
            tracing::warn!("some connections did not finish in time and were closed");
        }
        self.pump.stop(deadline).await;
        if let Err(error) = self.folder.store.write_settled().await {
            tracing::warn!(
                error = error.with_causes(),
                "the ends of some jobs were not written; they run again after the next start"
            );
        }
        // Both can be aborted safely.
        let rest = async {
            self.s3.stop().await;
            if let Some(scraping) = self.scraping {
                scraping.stop(deadline).await;
            }
            if let Some(emulator) = self.emulator {
                emulator.stop().await;
            }
        };
        drop(tokio::time::timeout_at(deadline.max(Instant::now() + REST_MIN), rest).await);
        if let Err(error) = SqliteStore::checkpoint(&self.folder.path) {
            tracing::warn!(
                error = error.with_causes(),
                "the database was not checkpointed; a backup needs fluxgate.db-wal as well"
            );
        }
        if let Err(error) = self.folder.note_server(None) {
            tracing::warn!(error = %error, "cannot remove this server's address from the data folder; commands may try to call it");
        }
    }
}

/// The minimum that the buckets and the emulator get.
const REST_MIN: Duration = Duration::from_millis(200);

/// An address that a client on this machine can connect to, in place of a wildcard address.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            SocketAddr::from(([127, 0, 0, 1], v4.port()))
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    }
}
