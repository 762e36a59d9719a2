//! Usage events as objects in the operator's bucket, one object per batch.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use fluxgate_core::Result;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{NewObject, ObjectBody, UsageBatch, UsageSink};
use fluxgate_core::tenant::Destination;

use super::bucket::Bucket;
use super::sites::{Address, Caller};
use super::{S3StoreSettings, client, put};

const CONTENT_TYPE: &str = "application/x-ndjson";

/// [`UsageSink`] on S3. It only needs permission to put objects: a batch's name is derived from its
/// bytes.
pub struct S3UsageSink {
    client: Client,
    destination: Destination,
    place: String,
}

impl S3UsageSink {
    /// Does not connect yet. The prefix has no leading or trailing slash; empty: none.
    pub fn new(settings: S3StoreSettings, bucket: &str, prefix: &str) -> Self {
        let address = Address {
            endpoint: settings.endpoint,
            region: settings.region,
            path_style: settings.force_path_style,
        };
        let client = client::client(
            &address,
            settings.credentials,
            settings.http,
            settings.limits,
        );
        let (place, bucket, prefix) = (
            format!("s3://{bucket}/{prefix}"),
            bucket.to_owned(),
            prefix.to_owned(),
        );
        Self {
            client,
            destination: Destination {
                bucket,
                prefix,
                ..Destination::default()
            },
            place,
        }
    }

    fn key(&self, name: &str) -> String {
        self.destination.under_prefix(name)
    }
}

#[async_trait]
impl UsageSink for S3UsageSink {
    fn place(&self) -> &str {
        &self.place
    }

    async fn take(&self, batch: UsageBatch) -> Result<()> {
        let object = NewObject {
            key: self.key(&batch.name),
            bytes: batch.lines.len() as u64,
            sha256: sha256(&batch.lines),
            body: ObjectBody::Memory(batch.lines),
            content_type: CONTENT_TYPE.to_owned(),
            content_disposition: None,
            provider_type: None,
        };
        let bucket = Bucket::new(self.client.clone(), &self.destination, Caller::Own);
        put::put_named(&bucket, &object).await
    }
}
