//! The tenants' buckets of one machine: folders, which nobody else can make.

use std::path::PathBuf;

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{DestinationCheck, Destinations};
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Error, Result};

/// Buckets under one folder.
pub struct BucketFolders(pub PathBuf);

#[async_trait]
impl Destinations for BucketFolders {
    /// Kind `Invalid` for a role: there is nobody here who could be asked for it.
    async fn prepare(&self, destination: &Destination) -> Result<()> {
        if destination.role.is_some() {
            let text = "buckets on this machine have no roles; leave the role out, or install Fluxgate on AWS";
            return Err(Error::invalid("invalid_role", text).field("role_arn"));
        }
        fluxgate_embedded::s3::create_bucket(&self.0, &destination.bucket).map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::InvalidInput => {
                    Error::invalid("invalid_bucket", error.to_string()).field("bucket")
                }
                _ => Error::internal("data_folder", "the bucket's folder cannot be made")
                    .source(error),
            }
        })
    }

    async fn probe(
        &self,
        _: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>> {
        let folder = self.0.join(&destination.bucket);
        let writable = folder
            .metadata()
            .is_ok_and(|found| found.is_dir() && !found.permissions().readonly());
        let text = if writable {
            format!("s3://{} is there and can be written", destination.bucket)
        } else {
            format!(
                "s3://{} has no folder that can be written; set the destination again",
                destination.bucket
            )
        };
        Ok(vec![DestinationCheck {
            name: "bucket_writable",
            passed: writable,
            text,
        }])
    }
}
