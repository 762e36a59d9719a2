//! The in-process S3 server of local mode: s3s speaks the protocol and checks signatures; the
//! objects are those of this machine.
//!
//! Path-style addresses only; no multipart uploads, versions or access control lists. Only one
//! server at a time may use a folder.

mod answer;
mod checksum;
mod key_pair;
mod listings;
mod reads;
mod receive;
mod service;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::secret::Secret;
use fluxgate_listen::Listening;
use hyper::Request;
use rustls::ServerConfig;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::time::Instant;

pub use fluxgate_listen::ConnectionBounds;

use crate::objects::Objects;
use key_pair::KeyPair;
use service::FolderS3;

/// How long to wait for running requests when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What is served, where the server listens, and the only key pair it accepts.
#[derive(Clone)]
pub struct S3Settings {
    pub objects: Objects,
    pub listen: SocketAddr,
    pub access_key: String,
    pub secret_key: Secret,
    pub connections: ConnectionBounds,
    /// Concurrent downloads from one bucket, so that one tenant cannot take every connection;
    /// beyond it the response is `SlowDown`.
    pub downloads_per_bucket_max: usize,
}

/// A running server. Dropping it also stops it, without waiting.
pub struct S3Server {
    serving: Listening,
}

impl S3Server {
    /// Listens, and serves on the current tokio runtime.
    pub fn start(settings: S3Settings) -> io::Result<Self> {
        Self::start_with(settings, None)
    }

    /// The same, with TLS where there is a configuration.
    pub fn start_with(settings: S3Settings, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let listener = fluxgate_listen::bind(settings.listen)?;
        let bounds = settings.connections.clone();
        let service = service(settings)?;
        let serving = Listening::start_with(listener, bounds, tls, move |request: Request<_>| {
            answer::answer(service.clone(), request.map(s3s::Body::http_body_unsync))
        })?;
        Ok(Self { serving })
    }

    pub fn addr(&self) -> SocketAddr {
        self.serving.addr()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Stops accepting connections, lets running requests finish within `STOP_TIMEOUT`, and closes
    /// the rest.
    pub async fn stop(self) {
        if !self.serving.stop(Instant::now() + STOP_TIMEOUT).await {
            tracing::warn!(
                "some connections to the buckets did not finish in time and were closed"
            );
        }
    }
}

fn service(settings: S3Settings) -> io::Result<S3Service> {
    let objects = FolderS3::new(settings.objects, settings.downloads_per_bucket_max)?;
    let mut builder = S3ServiceBuilder::new(objects);
    // With an auth and no access policy of its own, s3s refuses every unsigned request.
    builder.set_auth(KeyPair::new(settings.access_key, &settings.secret_key));
    Ok(builder.build())
}
