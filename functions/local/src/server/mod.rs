//! Every function in one process: the API, the admin API, the receiver, the queue's consumers, the
//! S3 server and, if configured, the emulator.

mod docs;
mod in_process;
mod metrics;
mod pump;
mod upkeep;
mod wiring;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use fluxgate_core::bounds::Bounds;
use fluxgate_core::secret::Secret;
use fluxgate_edge::{Edge, OperatorEdge, OperatorToken, ReceiverEdge};
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::s3::{S3Server, S3Settings};
use fluxgate_embedded::sqlite::FolderLock;
use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_listen::{Listening, RequestBody};
use fluxgate_outbound::{Guard, GuardPolicy, WaveSpeedClient};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::connections::Listeners;
use crate::folder::{DataFolder, NotedProvider, noted_provider};
use crate::pictures;
use crate::settings::{ProviderChoice, Settings};
use pump::Pump;

/// A running gateway. Dropping it is like a crash: the next start resumes everything.
pub struct Server {
    folder: DataFolder,
    stop: watch::Sender<bool>,
    serving: Listening,
    pump: Pump,
    recovery: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    s3: S3Server,
    emulator: Option<Emulator>,
    stop_max: Duration,
    _lock: FolderLock,
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    fluxgate_listen::bind(address).with_context(|| {
        format!("cannot listen on {address}; choose another address with --listen")
    })
}

/// Everything that the API's listener serves.
fn router(
    folder: &DataFolder,
    edge: Edge,
    receiver: ReceiverEdge,
    operator: OperatorEdge,
) -> Router {
    let docs = docs::router(edge.gateway.base_url());
    let token = OperatorToken::new(&folder.secrets.admin_token);
    fluxgate_edge::api_router(edge)
        .merge(fluxgate_edge::receiver_router(receiver))
        .merge(fluxgate_edge::admin_router_with_token(operator, token))
        .merge(metrics::router(folder.store.clone()))
        .merge(docs)
}

impl Server {
    /// Opens the folder, binds the ports and starts serving. The error is one line that says what
    /// failed.
    pub async fn start(settings: Settings) -> Result<Self> {
        let bounds = settings.noted_bounds()?;
        let folder = DataFolder::open_with(&settings.data, bounds.in_force())?;
        let lock = FolderLock::acquire(&settings.data)?;
        let listeners = settings
            .connections
            .listeners(fluxgate_listen::raise_file_limit());
        let listener = bind(settings.listen)?;
        let addr = listener.local_addr()?;
        let s3 = start_s3(&settings, &folder, &listeners)?;
        let guard = Guard::new(
            GuardPolicy::allowing(settings.allow_net.clone()),
            settings.names(),
        )?;
        let emulator = start_emulator(&settings, &listeners, &guard).await?;
        folder.note_bounds(&bounds)?;
        folder.note_provider(&provider_note(&settings, emulator.as_ref())?)?;
        folder.note_server(Some(&format!("http://{}", reachable(addr))))?;
        let (stop, stopped) = watch::channel(false);
        let roles = wiring::roles(&wiring::Parts {
            settings: &settings,
            folder: &folder,
            addr,
            s3: &s3,
            guard: &guard,
            emulator: emulator.as_ref(),
            stopping: stopped,
        })?;
        let upkeep = tokio::spawn(metrics::keep_up());
        roles.sweeper.recount_all_slots().await?;
        let pump = Pump::start(&roles.workers);
        let sweeper = roles.sweeper;
        let recovery = tokio::spawn(upkeep::recover_and_keep_up(sweeper));
        let provider = wiring::provider(
            &settings,
            emulator.as_ref(),
            folder.bounds.provider_timeout_ms,
        )?;
        let operator = OperatorEdge {
            operator: Arc::new(folder.operator(Some(Arc::new(provider)))),
            endpoints: roles.edge.endpoints.clone(),
            deliveries: roles.edge.deliveries.clone(),
        };
        let router = router(&folder, roles.edge, roles.receiver, operator);
        let serving = Listening::start(
            listener,
            listeners.api,
            move |request: Request<RequestBody>| router.clone().oneshot(request.map(Body::new)),
        )?;
        let stop_max = Duration::from_millis(settings.stop_max_ms);
        Ok(Self {
            folder,
            stop,
            serving,
            pump,
            recovery,
            upkeep,
            s3,
            emulator,
            stop_max,
            _lock: lock,
        })
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", reachable(self.serving.addr()))
    }

    pub fn s3_url(&self) -> String {
        format!("http://{}", reachable(self.s3.addr()))
    }

    pub fn folder(&self) -> &DataFolder {
        &self.folder
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
        if !self.serving.stop(deadline).await {
            tracing::warn!("some connections did not finish in time and were closed");
        }
        self.pump.stop(deadline).await;
        // Both can be aborted safely.
        let rest = async {
            self.s3.stop().await;
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

/// The provider for a command that runs apart from the server: the one in FLUXGATE_PROVIDER, else
/// that of the server that now serves the folder, else the one implied by the key.
pub(crate) fn provider_of(
    folder: &Path,
    bounds: &Bounds,
    settings: &Settings,
) -> Result<Arc<WaveSpeedClient>> {
    let is_served = FolderLock::is_held(folder);
    let noted = noted_provider(folder).filter(|_| is_served);
    let provider = match (settings.provider.is_some(), noted) {
        (false, Some(noted)) => noted.with_key(settings.provider_key.clone())?,
        (_, noted) => match settings.provider()? {
            ProviderChoice::Remote { url, key } => (url, key),
            ProviderChoice::Emulator => {
                let text = "the emulator runs inside 'fluxgate serve': start that first, or set FLUXGATE_PROVIDER to a provider";
                noted
                    .filter(|noted| noted.api_key.is_some())
                    .context(text)?
                    .with_key(None)?
            }
        },
    };
    Ok(Arc::new(wiring::provider_client(
        provider,
        bounds.provider_timeout_ms,
    )?))
}

/// The provider in the settings, and its name for messages; `None` for the emulator.
pub(crate) fn named_provider(settings: &Settings) -> Result<Option<(String, WaveSpeedClient)>> {
    let ProviderChoice::Remote { url, key } = settings.provider()? else {
        return Ok(None);
    };
    let name = url.origin().ascii_serialization();
    Ok(Some((
        name,
        wiring::provider_client((url, key), settings.bounds.bounds(true).provider_timeout_ms)?,
    )))
}

/// The minimum that the buckets and the emulator get.
const REST_MIN: Duration = Duration::from_millis(200);

fn start_s3(settings: &Settings, folder: &DataFolder, listeners: &Listeners) -> Result<S3Server> {
    let listen = settings.s3_listen();
    S3Server::start(S3Settings {
        root: folder.buckets(),
        listen,
        access_key: folder.secrets.s3_access_key.clone(),
        secret_key: folder.secrets.s3_secret_key.clone(),
        connections: listeners.buckets.clone(),
        downloads_per_bucket_max: listeners.downloads_per_bucket_max,
    })
    .with_context(|| {
        format!(
            "cannot listen for the buckets on {listen}; choose another address with --s3-listen"
        )
    })
}

/// It can only reach addresses that a tenant's callback could reach.
async fn start_emulator(
    settings: &Settings,
    listeners: &Listeners,
    guard: &Guard,
) -> Result<Option<Emulator>> {
    match settings.provider()? {
        ProviderChoice::Emulator => {
            let config = EmulatorConfig {
                connections: listeners.emulator.clone(),
                pictures: Some(pictures::through(guard)),
                ..EmulatorConfig::default()
            };
            Ok(Some(
                Emulator::start(config)
                    .await
                    .context("cannot start the emulator")?,
            ))
        }
        ProviderChoice::Remote { .. } => Ok(None),
    }
}

fn provider_note(settings: &Settings, emulator: Option<&Emulator>) -> Result<NotedProvider> {
    Ok(match (emulator, settings.provider()?) {
        (Some(emulator), _) => NotedProvider {
            base_url: emulator.base_url(),
            api_key: Some(Secret::new(emulator.api_key())),
        },
        (None, ProviderChoice::Remote { url, .. }) => NotedProvider {
            base_url: url.to_string(),
            api_key: None,
        },
        (None, ProviderChoice::Emulator) => anyhow::bail!("the emulator was not started"),
    })
}

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
