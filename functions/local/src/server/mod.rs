//! Every function in one process: the API, the admin API, the receiver, the queue's consumers, the S3 server and, if asked for, the emulator.

mod metrics;
mod pump;
mod wiring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use fluxgate_core::bounds::Bounds;
use fluxgate_embedded::s3::{S3Server, S3Settings};
use fluxgate_embedded::sqlite::FolderLock;
use fluxgate_emulator::Emulator;
use fluxgate_outbound::WaveSpeedClient;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::folder::DataFolder;
use crate::settings::{Settings, UpstreamChoice};
use pump::Pump;

/// A running gateway. Dropping it leaves everything to be taken up by the next one, as a crash does.
pub struct Server {
    addr: SocketAddr,
    folder: DataFolder,
    stop: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
    pump: Pump,
    s3: S3Server,
    emulator: Option<Emulator>,
    stop_max: Duration,
    _lock: FolderLock,
}

impl Server {
    /// Opens the folder, binds the ports and begins to serve. Fails with one line that says which of them is not to be had.
    pub async fn start(settings: Settings) -> Result<Self> {
        let folder = DataFolder::open(&settings.data)?;
        let lock = FolderLock::acquire(&settings.data)?;
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}; choose another address with --listen", settings.listen))?;
        let addr = listener.local_addr()?;
        let s3 = start_s3(&settings, &folder)?;
        let emulator = start_emulator(&settings).await?;
        folder.note_emulator(emulator.as_ref().map(Emulator::base_url).as_deref())?;
        folder.note_server(Some(&format!("http://{}", reachable(addr))))?;
        let (stop, stopped) = watch::channel(false);
        let edge = wiring::edge(&wiring::Parts {
            settings: &settings,
            folder: &folder,
            addr,
            s3: &s3,
            emulator: emulator.as_ref(),
            stopping: stopped.clone(),
        })?;
        edge.fluxgate.recount_all_slots().await?;
        let pump = Pump::start(&edge.fluxgate);
        let vendor = wiring::upstream(&settings, emulator.as_ref(), Bounds::default().upstream_timeout_ms)?;
        let tenancy = Arc::new(folder.tenancy(Some(Arc::new(vendor))));
        let router = fluxgate_edge::api_router(edge.clone())
            .merge(fluxgate_edge::receiver_router(edge))
            .merge(fluxgate_edge::admin_router_with_token(tenancy, &folder.secrets.admin_token))
            .merge(metrics::router(folder.store.clone()));
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps Nagle's delay");
            }
        });
        let serving =
            tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(until_stopped(stopped)).into_future());
        let stop_max = Duration::from_millis(settings.stop_max_ms);
        Ok(Self { addr, folder, stop, serving, pump, s3, emulator, stop_max, _lock: lock })
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", reachable(self.addr))
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

    /// Accepts no more, finishes what is in hand within the bound, and leaves the rest to the next start.
    pub async fn stop(self) {
        let deadline = Instant::now() + self.stop_max;
        self.stop.send_replace(true);
        if tokio::time::timeout_at(deadline, self.serving).await.is_err() {
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

/// The vendor for a command that runs apart from the server; when that is the emulator, the one within the server that runs.
pub(crate) fn vendor_of(folder: &DataFolder, settings: &Settings) -> Result<Arc<WaveSpeedClient>> {
    let emulator = match settings.upstream()? {
        UpstreamChoice::Emulator => {
            let text =
                "the emulator runs within 'fluxgate serve': start that first, or name the vendor in FLUXGATE_UPSTREAM";
            Some(folder.noted_emulator().context(text)?)
        }
        UpstreamChoice::Vendor { .. } => None,
    };
    let emulator = emulator.map(|url| (url, fluxgate_emulator::EmulatorConfig::default().api_key));
    Ok(Arc::new(wiring::vendor(settings, emulator, Bounds::default().upstream_timeout_ms)?))
}

/// What the buckets and the emulator get in any case.
const REST_MIN: Duration = Duration::from_millis(200);

async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the server is gone, which is a stop too.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

fn start_s3(settings: &Settings, folder: &DataFolder) -> Result<S3Server> {
    let listen = settings.s3_listen();
    S3Server::start(S3Settings {
        root: folder.buckets(),
        listen,
        access_key: folder.secrets.s3_access_key.clone(),
        secret_key: folder.secrets.s3_secret_key.clone(),
    })
    .with_context(|| format!("cannot serve the buckets on {listen}; choose another address with --s3-listen"))
}

async fn start_emulator(settings: &Settings) -> Result<Option<Emulator>> {
    match settings.upstream()? {
        UpstreamChoice::Emulator => Ok(Some(
            Emulator::start(fluxgate_emulator::EmulatorConfig::default()).await.context("the emulator cannot start")?,
        )),
        UpstreamChoice::Vendor { .. } => Ok(None),
    }
}

/// An address that a client on this machine can call: a wildcard is not one.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}
