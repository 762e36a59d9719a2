//! The tenants' destinations as the admin function sees them. Only the archiver may touch the
//! buckets that are written with the installation's own role.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::app::DestinationProbe;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{AddressGuard as _, DestinationCheck, Destinations, Purpose};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Error, Result};
use fluxgate_outbound::Guard;
use fluxgate_sts::StsRoles;
use url::Url;

pub(super) struct TenantBuckets {
    pub(super) roles: Arc<StsRoles>,
    pub(super) guard: Arc<Guard>,
    pub(super) probe: DestinationProbe,
}

#[async_trait]
impl Destinations for TenantBuckets {
    /// Buckets on AWS are created by their owners.
    async fn prepare(&self, tenant: &TenantId, destination: &Destination) -> Result<()> {
        let store = destination.store.as_ref();
        let Some(endpoint) = store.and_then(|store| store.endpoint.as_ref()) else {
            return Ok(());
        };
        let url = Url::parse(endpoint)
            .map_err(|error| Error::internal("store_unsupported", "no URL").source(error))?;
        let checked = self.guard.check(tenant, Purpose::Store, &url).await;
        checked.map_err(|error| error.field("endpoint"))
    }

    fn is_own(&self, _: &Destination) -> bool {
        false
    }

    /// There is no S3 server of our own: each bucket is somebody's on AWS.
    async fn remove_own(&self, _: &TenantId, _: &Destination, _: &Output) -> Result<bool> {
        Ok(false)
    }

    async fn probe(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>> {
        let has_keys = destination
            .store
            .as_ref()
            .is_some_and(|it| it.keys.is_some());
        let mut checks = match &destination.role {
            Some(role) => self.roles.probe(role, tenant).await.checks(),
            None if has_keys => Vec::new(),
            None => {
                let text = "the bucket is written with the archiver's own role, which this function does not have; there is \
                            nothing to look at here";
                return Ok(vec![DestinationCheck {
                    name: "no_role",
                    passed: true,
                    text: text.to_owned(),
                }]);
            }
        };
        if checks
            .iter()
            .all(|check| check.name != "role_assumable" || check.passed)
        {
            checks.extend(self.probe.checks(tenant, destination).await);
        }
        Ok(checks)
    }
}
