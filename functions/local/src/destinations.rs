//! The tenants' buckets in local mode: folders, which only this process creates; AWS; and stores
//! that destinations name.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::app::DestinationProbe;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{AddressGuard, DestinationCheck, Destinations, ObjectStore, Purpose};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Error, Result};
use fluxgate_sts::StsRoles;
use url::Url;

/// Buckets under one folder, and everywhere else.
pub struct Buckets {
    pub folder: PathBuf,
    /// `None` in a command that calls nothing.
    pub stores: Option<Stores>,
}

/// The way to stores.
#[derive(Clone)]
pub struct Stores {
    pub guard: Arc<dyn AddressGuard>,
    pub roles: Arc<StsRoles>,
    /// The S3 server of this process, if it runs.
    pub own: Option<DestinationProbe>,
    /// What it serves, or would serve; `None` where another process may write it.
    pub own_objects: Option<Arc<dyn ObjectStore>>,
    pub others: DestinationProbe,
}

#[async_trait]
impl Destinations for Buckets {
    /// Kind `Invalid` if a bucket of this process has a role, for which there is no STS here, and
    /// for a store that may not be called.
    async fn prepare(&self, tenant: &TenantId, destination: &Destination) -> Result<()> {
        let Some(store) = &destination.store else {
            return self.create(destination);
        };
        let (Some(endpoint), Some(stores)) = (&store.endpoint, &self.stores) else {
            return Ok(());
        };
        let url = Url::parse(endpoint)
            .map_err(|error| Error::invalid("invalid_endpoint", error.to_string()))?;
        let checked = stores.guard.check(tenant, Purpose::Store, &url).await;
        checked.map_err(|error| error.field("endpoint"))
    }

    async fn probe(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>> {
        let mut checks = Vec::new();
        let mut probe = self.stores.as_ref().map(|stores| &stores.others);
        if destination.store.is_none() {
            checks.push(self.folder_check(destination));
            probe = self.stores.as_ref().and_then(|stores| stores.own.as_ref());
        }
        if let (Some(role), Some(stores)) = (&destination.role, &self.stores) {
            checks.extend(stores.roles.probe(role, tenant).await.checks());
        }
        if let Some(probe) = probe
            && checks.first().is_none_or(|check| check.passed)
        {
            checks.extend(probe.checks(tenant, destination).await);
        }
        Ok(checks)
    }

    fn is_own(&self, destination: &Destination) -> bool {
        let own = self.stores.as_ref().and_then(|it| it.own_objects.as_ref());
        own.is_some() && destination.store.is_none() && destination.role.is_none()
    }

    async fn remove_own(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
    ) -> Result<bool> {
        let own = self.stores.as_ref().and_then(|it| it.own_objects.as_ref());
        let Some(own) = own.filter(|_| self.is_own(destination)) else {
            return Ok(false);
        };
        if !self.folder.join(&output.bucket).is_dir() {
            return Ok(true);
        }
        let destination = Destination {
            bucket: output.bucket.clone(),
            ..destination.clone()
        };
        own.remove(tenant, &destination, &output.key).await?;
        Ok(true)
    }
}

impl Buckets {
    fn create(&self, destination: &Destination) -> Result<()> {
        if destination.role.is_some() {
            let text = "this process's own buckets have no roles; for a bucket on AWS name its 'region', or leave out the role";
            return Err(Error::invalid("invalid_role", text).field("role_arn"));
        }
        fluxgate_embedded::objects::create_bucket(&self.folder, &destination.bucket).map_err(
            |error| match error.kind() {
                std::io::ErrorKind::InvalidInput => {
                    Error::invalid("invalid_bucket", error.to_string()).field("bucket")
                }
                _ => Error::internal("data_folder", "cannot create the bucket's folder")
                    .source(error),
            },
        )
    }

    fn folder_check(&self, destination: &Destination) -> DestinationCheck {
        let folder = self.folder.join(&destination.bucket);
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
        DestinationCheck {
            name: "bucket_writable",
            passed: writable,
            text,
        }
    }
}
