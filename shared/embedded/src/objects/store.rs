//! [`ObjectStore`] on this machine's own buckets: no client, no connection, no signature.

use std::io;

use async_trait::async_trait;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{NewObject, ObjectBody, ObjectStore, Stored};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Error, Fault, Reason, Result};

use super::{Attributes, Content, Found, Objects, Put, Writing, is_fit_key};
use crate::sqlite::ObjectName;

/// [`ObjectStore`] for destinations in the installation's own store.
///
/// A stored object is on disk, and its row is committed with the change of the task that names it:
/// see [`SqliteStore::publish_object`](crate::SqliteStore).
pub struct FolderObjectStore(Objects);

impl FolderObjectStore {
    pub fn new(objects: Objects) -> Self {
        Self(objects)
    }

    fn bucket<'a>(&self, destination: &'a Destination) -> Result<&'a str> {
        let bucket = &destination.bucket;
        if !s3s::path::check_bucket_name(bucket) || !self.0.folder().has_bucket(bucket) {
            return Err(missing(bucket));
        }
        Ok(bucket)
    }

    fn name(&self, destination: &Destination, key: &str) -> Result<ObjectName> {
        let bucket = self.bucket(destination)?;
        if !is_fit_key(key) {
            return Err(unavailable(bucket).source("the key is not a path of names"));
        }
        Ok(ObjectName::new(bucket, key))
    }
}

#[async_trait]
impl ObjectStore for FolderObjectStore {
    async fn ready(&self, _tenant: &TenantId, destination: &Destination) -> Result<()> {
        self.bucket(destination).map(drop)
    }

    async fn put_new(
        &self,
        _tenant: &TenantId,
        destination: &Destination,
        object: NewObject,
    ) -> Result<Stored> {
        let name = self.name(destination, &object.key)?;
        let attributes = Attributes::of(&object);
        let output = Output {
            bucket: name.bucket.clone(),
            key: object.key,
            sha256: hex::encode(object.sha256),
            bytes: object.bytes,
            content_type: object.content_type,
            ..Output::default()
        };
        let writing = Writing {
            content: content(object.body, object.bytes, &object.sha256)
                .map_err(|error| unavailable(&name.bucket).source(error))?,
            bytes: object.bytes,
            attributes,
            only_if_free: destination.has_conditional_put(),
            name: name.clone(),
        };
        match self.0.put(writing).await.map_err(failed(&name.bucket))? {
            Put::Published => Ok(Stored::Created(output)),
            Put::Taken(found) => existing(name, &found).map(Stored::Existing),
        }
    }

    async fn remove(&self, _tenant: &TenantId, destination: &Destination, key: &str) -> Result<()> {
        let name = self.name(destination, key)?;
        let removed = self.0.remove(&name).await;
        removed.map_err(failed(&name.bucket))
    }
}

/// What is in memory is checked against its digest; a spooled file was digested as it was written,
/// and only has to be whole.
fn content(body: ObjectBody, bytes: u64, digest: &[u8; 32]) -> io::Result<Content> {
    match body {
        ObjectBody::Memory(content) if sha256(&content) == *digest => Ok(Content::Memory(content)),
        ObjectBody::File(file) if (*file).as_ref().metadata()?.len() == bytes => {
            Ok(Content::File(file))
        }
        _ => Err(io::Error::other("the bytes do not match the digest")),
    }
}

/// The object that exists at the key.
fn existing(name: ObjectName, found: &Found) -> Result<Output> {
    let ObjectName { bucket, key } = name;
    let Some(digest) = found.attributes.digest() else {
        let text = format!(
            "another object, without a SHA-256, exists at '{key}' in bucket '{bucket}'; move it away"
        );
        return Err(Error::unavailable("bucket_key_taken", text)
            .because(Reason::KeyTaken)
            .fault(Fault::Tenant));
    };
    Ok(Output {
        bucket,
        key,
        sha256: hex::encode(digest),
        bytes: found.bytes,
        content_type: found.attributes.content_type(),
        ..Output::default()
    })
}

fn missing(bucket: &str) -> Error {
    let text = format!("bucket '{bucket}' does not exist; create it, or correct the destination");
    Error::unavailable("bucket_missing", text).fault(Fault::Tenant)
}

fn unavailable(bucket: &str) -> Error {
    let text =
        format!("bucket '{bucket}' could not be written; check the data folder's disk; will retry");
    Error::unavailable("bucket_unavailable", text)
}

/// This machine's own failure, which is told where it happens.
fn failed(bucket: &str) -> impl Fn(io::Error) -> Error {
    move |error| {
        tracing::error!(error = %error, "the folder of objects could not be read or written");
        unavailable(bucket).source(error)
    }
}
