//! The in-process S3 server of local mode: s3s speaks the protocol and checks signatures, a folder
//! holds the objects.
//!
//! Path-style addresses only; no multipart uploads, versions or access control lists. Only one
//! server at a time may use a folder.

mod answer;
mod attributes;
mod checksum;
mod commit;
mod folder;
mod group_sync;
mod reads;
mod receive;
mod service;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use fluxgate_core::secret::Secret;
use fluxgate_listen::{BoxError, Listening};
use hyper::{Request, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::time::Instant;

pub use fluxgate_listen::ConnectionBounds;
pub use folder::create_bucket;
pub use s3s::Body as S3Body;

use folder::Folder;
use service::FolderS3;

/// How long to wait for running requests when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the objects are, where the server listens, and the only key pair it accepts.
#[derive(Debug, Clone)]
pub struct S3Settings {
    pub root: PathBuf,
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
    service: S3Service,
    serving: Listening,
}

impl S3Server {
    /// Creates the folder if it is missing, listens, and serves on the current tokio runtime.
    pub fn start(settings: S3Settings) -> io::Result<Self> {
        let listener = fluxgate_listen::bind(settings.listen)?;
        let bounds = settings.connections.clone();
        let service = service(settings)?;
        let answering = service.clone();
        let serving = Listening::start(listener, bounds, move |request: Request<_>| {
            answer::answer(answering.clone(), request.map(S3Body::http_body_unsync))
        })?;
        Ok(Self { service, serving })
    }

    pub fn addr(&self) -> SocketAddr {
        self.serving.addr()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Access without a connection, for this process only: it works no matter how busy the listener
    /// is.
    pub fn direct(&self) -> S3Direct {
        S3Direct(self.service.clone())
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

/// The server as a function. It requires the same signatures, but takes no place among the
/// connections.
#[derive(Debug, Clone)]
pub struct S3Direct(S3Service);

impl S3Direct {
    /// The request must look as if it came over a connection: with a `Host` header, and a path as
    /// its URI.
    pub async fn call<B>(&self, request: Request<B>) -> Result<Response<S3Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        BoxError: From<B::Error>,
    {
        Ok(answer::answer(self.0.clone(), request.map(S3Body::http_body_unsync)).await?)
    }
}

fn service(settings: S3Settings) -> io::Result<S3Service> {
    let folder = Folder::open(&settings.root)?;
    let mut builder =
        S3ServiceBuilder::new(FolderS3::new(folder, settings.downloads_per_bucket_max)?);
    // With an auth and no access policy of its own, s3s refuses every unsigned request.
    builder.set_auth(SimpleAuth::from_single(
        settings.access_key,
        settings.secret_key.expose(),
    ));
    Ok(builder.build())
}
