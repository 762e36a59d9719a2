//! The server over the wire, spoken to by AWS's own client and by plain HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access;
mod browser;
mod isolation;
mod lifecycle;
mod listings;
mod log;
mod put;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use fluxgate_core::port::SystemClock;
use fluxgate_core::secret::Secret;
use tempfile::TempDir;

use super::{ConnectionBounds, S3Server, S3Settings};
use crate::SqliteStore;
use crate::objects::{Objects, create_bucket};

/// A server on a temporary folder, with one bucket.
struct Running {
    folder: TempDir,
    objects: Objects,
    server: S3Server,
    client: Client,
}

const BUCKET: &str = "tenant-acme";

async fn running() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let objects = objects(&folder);
    let server = start(&objects);
    create_bucket(folder.path(), BUCKET).unwrap();
    let client = client(&server, "local", "local-secret");
    Running {
        folder,
        objects,
        server,
        client,
    }
}

/// The database lies beside the buckets.
fn objects(folder: &TempDir) -> Objects {
    let rows = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    Objects::open(folder.path(), rows).unwrap()
}

fn start(objects: &Objects) -> S3Server {
    S3Server::start(S3Settings {
        objects: objects.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        access_key: "local".to_owned(),
        secret_key: Secret::new("local-secret"),
        connections: ConnectionBounds::default(),
        downloads_per_bucket_max: 2,
    })
    .unwrap()
}

fn client(server: &S3Server, access_key: &str, secret_key: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .build();
    Client::from_conf(config)
}

impl Running {
    async fn put(&self, key: &str, bytes: &'static [u8]) {
        let put = self
            .client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .content_type("image/png");
        put.body(ByteStream::from_static(bytes))
            .send()
            .await
            .unwrap();
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Vec<u8>, String> {
        match self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
        {
            Ok(object) => Ok(object.body.collect().await.unwrap().to_vec()),
            Err(error) => Err(code(&error)),
        }
    }
}

/// A URL for one upload, without the server's address, to be used by hand.
async fn upload_path(running: &Running, key: &str) -> String {
    let expires = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let put = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .presigned(expires)
        .await
        .unwrap();
    put.uri()
        .strip_prefix(&running.server.endpoint())
        .unwrap()
        .to_owned()
}

/// S3's error code, or as much as is known about a failure.
fn code<E: ProvideErrorMetadata + std::fmt::Debug>(error: &SdkError<E>) -> String {
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code);
    code.map_or_else(|| format!("{error:?}"), str::to_owned)
}
