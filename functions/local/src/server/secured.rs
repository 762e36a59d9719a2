//! The listeners with TLS, where there is a certificate: those that tenants reach. This process and
//! the commands beside it then have plain ones of their own on the loopback address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use fluxgate_embedded::s3::{ConnectionBounds, S3Server, S3Settings};
use fluxgate_listen::Listening;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

use super::buckets::s3_started;
use super::{bind, reachable};
use crate::certificate::Certificate;
use crate::folder::noted_own_address;
use crate::settings::{Settings, bad_settings};

/// Where the plain listeners are beside those with TLS.
pub(super) const OWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The plain listener for commands, where it was before if it can be.
pub(super) fn bind_own(folder: &Path) -> Result<TcpListener> {
    let before = noted_own_address(folder);
    // Another program may have the port by now.
    match before.map(fluxgate_listen::bind) {
        Some(Ok(listener)) => Ok(listener),
        _ => bind(OWN),
    }
}

/// Bound, and not served yet.
pub(super) struct Secured {
    config: Arc<ServerConfig>,
    listener: TcpListener,
    following: JoinHandle<()>,
}

/// The running listeners.
pub(super) struct SecuredServing {
    pub(super) api: Listening,
    pub(super) s3: S3Server,
    following: JoinHandle<()>,
}

impl Secured {
    /// `None` without a certificate.
    pub(super) fn bind(settings: &Settings) -> Result<Option<Self>> {
        let Some(files) = settings.certificate()? else {
            return Ok(None);
        };
        let certificate = Certificate::open(files).map_err(bad_settings)?;
        Ok(Some(Self {
            config: certificate.config()?,
            listener: bind(settings.listen)?,
            following: tokio::spawn(certificate.follow_files()),
        }))
    }

    /// Serves the buckets, and has the settings name what tenants reach, unless they name it
    /// themselves.
    pub(super) fn start_s3(&self, settings: &mut Settings, s3: S3Settings) -> Result<S3Server> {
        let s3 = s3_started(s3, Some(self.config.clone()))?;
        let https = |addr| Url::parse(&format!("https://{}", reachable(addr)));
        let api = https(self.listener.local_addr()?)?;
        settings.base_url.get_or_insert(api);
        settings.s3_public_url.get_or_insert(https(s3.addr())?);
        Ok(s3)
    }

    pub(super) fn serve(
        self,
        bounds: ConnectionBounds,
        router: Router,
        s3: S3Server,
    ) -> Result<SecuredServing> {
        let api = super::serve(self.listener, bounds, Some(self.config), router)?;
        Ok(SecuredServing {
            api,
            s3,
            following: self.following,
        })
    }
}

impl SecuredServing {
    /// False if some connections had to be closed at the deadline.
    pub(super) async fn stop(self, deadline: Instant) -> bool {
        self.following.abort();
        let in_time = self.api.stop(deadline).await;
        self.s3.stop().await;
        in_time
    }
}
