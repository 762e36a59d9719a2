//! The tenants' buckets in local mode: folders, which only this process creates.

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
    /// Kind `Invalid` if the destination has a role: local mode has no STS to assume it.
    async fn prepare(&self, destination: &Destination) -> Result<()> {
        if destination.role.is_some() {
            let text = "local buckets have no roles; leave out the role, or deploy Fluxgate on AWS";
            return Err(Error::invalid("invalid_role", text).field("role_arn"));
        }
        fluxgate_embedded::s3::create_bucket(&self.0, &destination.bucket).map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::InvalidInput => {
                    Error::invalid("invalid_bucket", error.to_string()).field("bucket")
                }
                _ => Error::internal("data_folder", "cannot create the bucket's folder")
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
            format!("s3://{} exists and is writable", destination.bucket)
        } else {
            format!(
                "s3://{} has no writable folder; set the destination again",
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
