//! The S3 server of one machine, in the process: s3s speaks the protocol and checks signatures, a
//! folder keeps the objects.
//!
//! Path-style addresses only; no multipart uploads, versions or access control lists. One server at
//! a time over one folder.

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

/// How long running requests are waited for when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the objects lie, where the server listens, and the one pair of keys it accepts.
#[derive(Debug, Clone)]
pub struct S3Settings {
    pub root: PathBuf,
    pub listen: SocketAddr,
    pub access_key: String,
    pub secret_key: Secret,
    pub connections: ConnectionBounds,
    /// Downloads at once from one bucket, so that one tenant's cannot take every connection; above
    /// it the answer is `SlowDown`.
    pub downloads_per_bucket_max: usize,
}

/// A running server. Dropping it stops it too, without waiting.
pub struct S3Server {
    service: S3Service,
    serving: Listening,
}

impl S3Server {
    /// Creates the folder when it is missing, listens, and serves on the current tokio runtime.
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

    /// A way in without a connection, for this process alone: whatever others do to the listener,
    /// it is open.
    pub fn direct(&self) -> S3Direct {
        S3Direct(self.service.clone())
    }

    /// Takes no more connections, lets running requests end within `STOP_TIMEOUT`, and closes what
    /// is left.
    pub async fn stop(self) {
        if !self.serving.stop(Instant::now() + STOP_TIMEOUT).await {
            tracing::warn!("some connections to the buckets did not end in time and were cut");
        }
    }
}

/// The server as a function. It asks for the same signatures, and takes no place among the
/// connections.
#[derive(Debug, Clone)]
pub struct S3Direct(S3Service);

impl S3Direct {
    /// The request is as it would come over a connection: with a `Host`, and a path for its URI.
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
    // With an auth and no access policy of its own, s3s refuses whatever is not signed.
    builder.set_auth(SimpleAuth::from_single(
        settings.access_key,
        settings.secret_key.expose(),
    ));
    Ok(builder.build())
}
