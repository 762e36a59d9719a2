//! What the API key of a request may run and spend.

use super::Submits;
use crate::base::error::Result;
use crate::base::id::{KeyId, ModelId};
use crate::domain::money::KeyTerms;
use crate::domain::tenant::{LiveKey, Tenant};

impl Submits {
    /// What the key may spend, if it has a limit.
    ///
    /// Kind `Unauthenticated` with code `key_revoked`; kind `Forbidden` with code `key_model` for a
    /// model that it may not run.
    pub(super) async fn key_terms(
        &self,
        tenant: &Tenant,
        key: Option<&KeyId>,
        model: &ModelId,
    ) -> Result<Option<KeyTerms>> {
        let Some(key) = key else {
            return Ok(None);
        };
        let key = self.live_key(tenant, key).await?;
        key.may_run(model)?;
        Ok(key.limit.map(|limit| KeyTerms {
            counter: limit.counter,
            monthly_max: limit.monthly_micro_usd,
        }))
    }

    /// A record may have been read late, and lack a key that was just made: it is read again.
    async fn live_key(&self, tenant: &Tenant, key: &KeyId) -> Result<LiveKey> {
        if let Ok(key) = tenant.live_key(key) {
            return Ok(key.clone());
        }
        let tenant = self.context.tenants().get(&tenant.id).await?;
        tenant.live_key(key).cloned()
    }
}
