//! The local buckets: their objects, and the S3 server for them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use fluxgate_embedded::objects::Objects;
use fluxgate_embedded::s3::{S3Server, S3Settings};
use rustls::ServerConfig;

use crate::connections::Listeners;
use crate::folder::DataFolder;

pub(super) fn open_objects(folder: &DataFolder) -> Result<Objects> {
    let root = folder.buckets();
    let opened = Objects::open(&root, folder.store.clone());
    opened.with_context(|| format!("cannot open the buckets in {}", root.display()))
}

pub(super) fn s3_settings(
    listen: SocketAddr,
    folder: &DataFolder,
    objects: &Objects,
    listeners: &Listeners,
) -> S3Settings {
    S3Settings {
        objects: objects.clone(),
        listen,
        access_key: folder.secrets.s3_access_key.clone(),
        secret_key: folder.secrets.s3_secret_key.clone(),
        connections: listeners.buckets.clone(),
        downloads_per_bucket_max: listeners.downloads_per_bucket_max,
    }
}

pub(super) fn s3_started(settings: S3Settings, tls: Option<Arc<ServerConfig>>) -> Result<S3Server> {
    let listen = settings.listen;
    S3Server::start_with(settings, tls).with_context(|| {
        format!(
            "cannot listen for the buckets on {listen}; choose another address with --s3-listen"
        )
    })
}
