//! Every function in one process: the API, the admin API, the receiver, the queue's consumers, the
//! S3 server and, if asked for, the emulator.

mod in_process;
mod metrics;
mod pump;
mod wiring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::extract::Request;
use fluxgate_core::bounds::Bounds;
use fluxgate_core::secret::Secret;
use fluxgate_edge::OperatorToken;
use fluxgate_embedded::s3::{S3Server, S3Settings};
use fluxgate_embedded::sqlite::FolderLock;
use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_listen::{Listening, RequestBody};
use fluxgate_outbound::{Guard, GuardPolicy, WaveSpeedClient};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::connections::Listeners;
use crate::folder::{DataFolder, NotedProvider};
use crate::pictures;
use crate::settings::{ProviderChoice, Settings};
use pump::Pump;

/// A running gateway. Dropping it leaves everything to be taken up by the next one, as a crash
/// does.
pub struct Server {
    folder: DataFolder,
    stop: watch::Sender<bool>,
    serving: Listening,
    pump: Pump,
    recovery: JoinHandle<()>,
    s3: S3Server,
    emulator: Option<Emulator>,
    stop_max: Duration,
    _lock: FolderLock,
}

impl Server {
    /// Opens the folder, binds the ports and begins to serve. Fails with one line that says which
    /// of them is not to be had.
    pub async fn start(settings: Settings) -> Result<Self> {
        let folder = DataFolder::open(&settings.data)?;
        let lock = FolderLock::acquire(&settings.data)?;
        let listeners = settings
            .connections
            .listeners(fluxgate_listen::raise_file_limit());
        let listener = fluxgate_listen::bind(settings.listen).with_context(|| {
            format!(
                "cannot listen on {}; choose another address with --listen",
                settings.listen
            )
        })?;
        let addr = listener.local_addr()?;
        let s3 = start_s3(&settings, &folder, &listeners)?;
        let guard = Guard::new(
            GuardPolicy::allowing(settings.allow_net.clone()),
            settings.names(),
        )?;
        let emulator = start_emulator(&settings, &listeners, &guard).await?;
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
        roles.sweeper.recount_all_slots().await?;
        let pump = Pump::start(&roles.workers);
        let sweeper = roles.sweeper;
        let recovery = tokio::spawn(async move { sweeper.recover().await });
        let provider = wiring::provider(
            &settings,
            emulator.as_ref(),
            Bounds::default().provider_timeout_ms,
        )?;
        let operator = Arc::new(folder.operator(Some(Arc::new(provider))));
        let router = fluxgate_edge::api_router(roles.edge)
            .merge(fluxgate_edge::receiver_router(roles.receiver))
            .merge(fluxgate_edge::admin_router_with_token(
                operator,
                OperatorToken::new(&folder.secrets.admin_token),
            ))
            .merge(metrics::router(folder.store.clone()));
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

    /// The emulator in this process, when there is one.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }

    /// Accepts no more, finishes what is in hand within the bound, and leaves the rest to the next
    /// start.
    pub async fn stop(self) {
        let deadline = Instant::now() + self.stop_max;
        self.stop.send_replace(true);
        self.recovery.abort();
        if !self.serving.stop(deadline).await {
            tracing::warn!("some connections did not end in time and were cut");
        }
        self.pump.stop(deadline).await;
        // Neither holds anything that must not be cut.
        let rest = async {
            self.s3.stop().await;
            if let Some(emulator) = self.emulator {
                emulator.stop().await;
            }
        };
        drop(tokio::time::timeout_at(deadline.max(Instant::now() + REST_MIN), rest).await);
        if let Err(error) = self.folder.note_server(None) {
            tracing::warn!(error = %error, "where this process listened is still written in the data folder");
        }
    }
}

/// The provider for a command that runs apart from the server: the one that FLUXGATE_PROVIDER
/// names, else that of the server which serves the folder now, else the one that the key alone
/// stands for.
pub(crate) fn provider_of(
    folder: &DataFolder,
    settings: &Settings,
) -> Result<Arc<WaveSpeedClient>> {
    let is_served = FolderLock::acquire(&folder.path).is_err();
    let noted = folder.noted_provider().filter(|_| is_served);
    let provider = match (settings.provider.is_some(), noted) {
        (false, Some(noted)) => noted.with_key(settings.provider_key.clone())?,
        (_, noted) => match settings.provider()? {
            ProviderChoice::Remote { url, key } => (url, key),
            ProviderChoice::Emulator => {
                let text = "the emulator runs within 'fluxgate serve': start that first, or name the provider in FLUXGATE_PROVIDER";
                noted
                    .filter(|noted| noted.api_key.is_some())
                    .context(text)?
                    .with_key(None)?
            }
        },
    };
    Ok(Arc::new(wiring::provider_client(
        provider,
        Bounds::default().provider_timeout_ms,
    )?))
}

/// The provider that the settings name, and how to call it in a text; `None` for the emulator.
pub(crate) fn named_provider(settings: &Settings) -> Result<Option<(String, WaveSpeedClient)>> {
    let ProviderChoice::Remote { url, key } = settings.provider()? else {
        return Ok(None);
    };
    let name = url.origin().ascii_serialization();
    Ok(Some((
        name,
        wiring::provider_client((url, key), Bounds::default().provider_timeout_ms)?,
    )))
}

/// What the buckets and the emulator get in any case.
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
        format!("cannot serve the buckets on {listen}; choose another address with --s3-listen")
    })
}

/// It calls nobody whom a tenant's callback could not call.
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
                    .context("the emulator cannot start")?,
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

/// An address that a client on this machine can call: a wildcard is not one.
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
