//! Sealing what one tenant and its endpoints hold with the active key, over whatever else changes
//! them.

use super::{EncryptionStatus, Operator, RotationStep};
use crate::app::sealed::{Place, in_endpoint, in_tenant};
use crate::base::error::{Kind, Reason, Result};
use crate::base::id::TenantId;
use crate::base::seal::KeyRing;
use crate::domain::tenant::Tenant;
use crate::domain::webhook::Endpoint;
use crate::port::EndpointList;
use crate::port::errors::{endpoint_changed, tenant_changed};

/// How often a record is read again that others change at the same time.
const TRIES: usize = 10;

/// What became of the secrets of one record.
#[derive(Clone, Copy, Default)]
struct Resealed {
    secrets: usize,
    resealed: usize,
    lost: usize,
}

impl Operator {
    pub(super) async fn count(
        &self,
        ring: &KeyRing,
        tenant: &TenantId,
        status: &mut EncryptionStatus,
    ) -> Result<()> {
        let (record, list) = self.records(tenant, &mut status.unreadable).await?;
        let mut counted = |places: Vec<Place<'_>>| {
            for place in places {
                match place.sealed.key_id() {
                    None => status.plain_secrets += 1,
                    Some(id) if ring.has_key(id) => {
                        *status.secrets.entry(id.to_owned()).or_default() += 1;
                    }
                    Some(_) => status.lost_secrets += 1,
                }
            }
        };
        if let Some(mut record) = record {
            counted(in_tenant(&mut record));
        }
        for mut endpoint in list.endpoints {
            counted(in_endpoint(&mut endpoint));
        }
        Ok(())
    }

    pub(super) async fn reseal_tenant(
        &self,
        ring: &KeyRing,
        tenant: &TenantId,
        step: &mut RotationStep,
    ) -> Result<()> {
        let (record, list) = self.records(tenant, &mut step.unreadable).await?;
        if let Some(record) = record {
            step.add(self.reseal_record(ring, record).await?);
        }
        for endpoint in list.endpoints {
            step.add(self.reseal_endpoint(ring, endpoint).await?);
        }
        Ok(())
    }

    /// The tenant, unless it was deleted, and its endpoints. What cannot be read is named.
    async fn records(
        &self,
        id: &TenantId,
        unreadable: &mut Vec<String>,
    ) -> Result<(Option<Tenant>, EndpointList)> {
        let tenant = match self.context.tenants().get(id).await {
            Ok(tenant) => Some(tenant),
            Err(error) if error.kind == Kind::NotFound => None,
            Err(error) if error.is(Reason::Unreadable) => {
                unreadable.push(format!("tenant {id}"));
                None
            }
            Err(error) => return Err(error),
        };
        let list = self.context.endpoints().list(id).await?;
        let names = list.unreadable.iter();
        unreadable.extend(names.map(|endpoint| format!("endpoint {endpoint} of tenant {id}")));
        Ok((tenant, list))
    }

    async fn reseal_record(&self, ring: &KeyRing, tenant: Tenant) -> Result<Resealed> {
        let mut before = tenant;
        for _ in 0..TRIES {
            let mut after = before.clone();
            let id = before.id.clone();
            let resealed = self.reseal(ring, &id, in_tenant(&mut after));
            if resealed.resealed == 0 {
                return Ok(resealed);
            }
            after.version += 1;
            match self.context.tenants().reseal(&after).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                // Deleted meanwhile.
                Err(error) if error.kind == Kind::NotFound => return Ok(Resealed::default()),
                written => return written.map(|()| resealed),
            }
            before = match self.context.tenants().get(&id).await {
                Err(error) if error.kind == Kind::NotFound => return Ok(Resealed::default()),
                found => found?,
            };
        }
        Err(tenant_changed(&before.id))
    }

    async fn reseal_endpoint(&self, ring: &KeyRing, endpoint: Endpoint) -> Result<Resealed> {
        let mut before = endpoint;
        for _ in 0..TRIES {
            let mut after = before.clone();
            let tenant = before.tenant.clone();
            let resealed = self.reseal(ring, &tenant, in_endpoint(&mut after));
            if resealed.resealed == 0 {
                return Ok(resealed);
            }
            after.version += 1;
            match self.context.endpoints().update(&after).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| resealed),
            }
            before = match self.context.endpoints().get(&tenant, &before.id).await {
                Err(error) if error.kind == Kind::NotFound => return Ok(Resealed::default()),
                found => found?,
            };
        }
        Err(endpoint_changed())
    }

    /// A secret that does not open stays as it is: its key is lost, or it was altered.
    fn reseal(&self, ring: &KeyRing, tenant: &TenantId, places: Vec<Place<'_>>) -> Resealed {
        let mut outcome = Resealed::default();
        for place in places {
            outcome.secrets += 1;
            if ring.is_current(place.sealed) {
                continue;
            }
            let resealed = self
                .vault
                .resealed(ring, tenant, place.belongs, place.sealed);
            match resealed {
                Ok(sealed) => {
                    *place.sealed = sealed;
                    outcome.resealed += 1;
                }
                Err(error) => {
                    let error = error.with_causes();
                    let secret = place.belongs.id();
                    tracing::error!(tenant.id = %tenant, secret, error, "a secret does not open and is left as it is");
                    outcome.lost += 1;
                }
            }
        }
        outcome
    }
}

impl RotationStep {
    fn add(&mut self, record: Resealed) {
        self.secrets += record.secrets;
        self.resealed += record.resealed;
        self.lost += record.lost;
    }
}
