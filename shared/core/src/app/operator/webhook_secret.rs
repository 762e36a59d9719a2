//! Rotating the secret of a tenant's drop-in callbacks, without one callback that its receiver
//! cannot verify.

use serde_json::json;

use super::Operator;
use crate::app::Rotation;
use crate::app::vault::Belongs;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::TenantId;
use crate::base::seal::Sealed;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::tenant::{Actor, AuditAction, Tenant};
use crate::domain::webhook::{SECRETS_MAX, SigningSecret, standard};
use crate::port::errors::tenant_changed;

/// How often the tenant is read again that others change at the same time.
const TRIES: usize = 10;

impl Operator {
    /// A new secret signs the callbacks of `?webhook=` from now on, beside those of before until
    /// their overlap is over. Answered with the time until which they sign; `None` if they were
    /// revoked at once.
    ///
    /// Kind `NotFound` if there is no such tenant; kind `Invalid` for a secret or an overlap that
    /// cannot be; kind `Conflict` with code `too_many_secrets` while too many overlap.
    pub async fn rotate_webhook_secret(
        &self,
        id: &TenantId,
        rotation: Rotation,
        actor: &Actor,
    ) -> Result<(Secret, Option<Timestamp>)> {
        let now = self.now();
        let until = rotation.overlap_until(now)?;
        let secret = self.webhook_secret_or_fresh(rotation.secret)?;
        let sealed = self.vault.seal(id, Belongs::Tenant, &secret).await?;
        let overlap = (until > now).then_some(until);
        let detail = json!({ "old_secrets_sign_until": overlap.map(Timestamp::rfc3339) });
        let entry = self.entry(actor, AuditAction::WebhookSecretRotated, id, detail);
        for _ in 0..TRIES {
            let before = self.context.tenants().get(id).await?;
            let after = rotated(before, &sealed, now, until)?;
            match self.context.tenants().update(&after, &entry).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| (secret, overlap)),
            }
        }
        Err(tenant_changed(id))
    }

    fn webhook_secret_or_fresh(&self, secret: Option<Secret>) -> Result<Secret> {
        if let Some(secret) = secret {
            standard::check_secret(&secret)?;
            return Ok(secret);
        }
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        Ok(Secret::webhook(random))
    }
}

fn rotated(before: Tenant, new: &Sealed, now: Timestamp, until: Timestamp) -> Result<Tenant> {
    let mut tenant = before;
    let last = SigningSecret {
        sealed: std::mem::replace(&mut tenant.webhook_secret, new.clone()),
        expires_at: None,
    };
    tenant.webhook_secrets_before.insert(0, last);
    for secret in &mut tenant.webhook_secrets_before {
        secret.expire_by(until);
    }
    tenant
        .webhook_secrets_before
        .retain(|secret| secret.is_valid(now));
    if tenant.webhook_secrets_before.len() >= SECRETS_MAX {
        let text = format!(
            "{SECRETS_MAX} secrets sign already; wait until an overlap is over, or rotate with an overlap of 0"
        );
        return Err(Error::new(Kind::Conflict, "too_many_secrets", text));
    }
    tenant.version += 1;
    Ok(tenant)
}
