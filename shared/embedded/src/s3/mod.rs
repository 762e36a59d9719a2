//! The S3 server of one machine, in the process: s3s speaks the protocol and checks signatures, a folder keeps the objects.
//!
//! Path-style addresses only; no multipart uploads, versions or access control lists. One server at a time over one folder.

mod answer;
mod attributes;
mod checksum;
mod commit;
mod folder;
mod group_sync;
mod receive;
mod serve;
mod service;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use fluxgate_core::signature::Secret;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use folder::create_bucket;

use folder::Folder;
use service::FolderS3;

/// Where the objects lie, where the server listens, and the one pair of keys it accepts.
#[derive(Debug, Clone)]
pub struct S3Settings {
    pub root: PathBuf,
    pub listen: SocketAddr,
    pub access_key: String,
    pub secret_key: Secret,
}

/// A running server. Dropping it stops it too, without waiting.
pub struct S3Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl S3Server {
    /// Creates the folder when it is missing, listens, and serves on the current tokio runtime.
    pub fn start(settings: S3Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let addr = listener.local_addr()?;
        let service = service(settings)?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve::serve(listener, service, stopped));
        Ok(Self { addr, stop, serving })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Takes no more connections, lets running requests end within `serve::STOP_TIMEOUT`, and closes what is left.
    pub async fn stop(self) {
        // Both fail only when the server has already ended.
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

fn service(settings: S3Settings) -> io::Result<S3Service> {
    let folder = Folder::open(&settings.root)?;
    let mut builder = S3ServiceBuilder::new(FolderS3::new(folder)?);
    // With an auth and no access policy of its own, s3s refuses whatever is not signed.
    builder.set_auth(SimpleAuth::from_single(settings.access_key, settings.secret_key.expose()));
    Ok(builder.build())
}
