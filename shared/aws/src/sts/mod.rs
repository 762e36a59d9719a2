//! Roles of tenants, assumed with their ExternalId.

mod failure;
mod probe;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::AssumedRole;
use fluxgate_core::time::Timestamp;

use crate::AwsSettings;
use crate::kept::{Failed, Kept};
pub use probe::RoleProbe;

/// How long assumed roles are used, and how often STS is asked.
#[derive(Debug, Clone, Copy)]
pub struct RoleBounds {
    /// An hour is the most that a role may assume another for, and a Lambda is in a role already.
    pub session_s: i32,
    /// Keys are renewed this long before they expire.
    pub renew_early_ms: u64,
    /// A tenant who broke its role does not make everybody wait for STS.
    pub denied_pause_ms: u64,
    /// After STS did not answer.
    pub unavailable_pause_ms: u64,
    /// Roles whose keys are kept at once.
    pub roles_max: usize,
}

impl Default for RoleBounds {
    fn default() -> Self {
        Self {
            session_s: 3_600,
            renew_early_ms: 300_000,
            denied_pause_ms: 10_000,
            unavailable_pause_ms: 1_000,
            roles_max: 1_024,
        }
    }
}

/// Assumes tenants' roles and keeps their keys until shortly before these expire.
pub struct StsRoles {
    settings: AwsSettings,
    /// Made for the first role: few of a function's processes see one.
    client: OnceLock<Client>,
    kept: Kept<Credentials>,
    bounds: RoleBounds,
}

impl StsRoles {
    pub fn new(settings: &AwsSettings, clock: Arc<dyn Clock>, bounds: RoleBounds) -> Self {
        let kept = Kept::new(bounds.roles_max, clock, |keys, now| {
            remaining_ms(keys, now) > 0
        });
        Self {
            settings: settings.clone(),
            client: OnceLock::new(),
            kept,
            bounds,
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| self.settings.sts())
    }

    /// Keys that act in the role. Kind `Unavailable`: code `role_denied` when STS refuses, with a
    /// text that tells the tenant what to look at, or `role_unavailable` when it did not answer.
    pub async fn credentials(&self, role: &AssumedRole, tenant: &TenantId) -> Result<Credentials> {
        let name = format!("{}\n{}", role.arn, role.external_id);
        let fresh = |keys: &Credentials, now| remaining_ms(keys, now) > self.bounds.renew_early_ms;
        self.kept
            .get(
                &name,
                fresh,
                self.assume(role, tenant, Some(&role.external_id)),
            )
            .await
    }

    async fn assume(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        external_id: Option<&str>,
    ) -> Result<Credentials, Failed> {
        let assume = self
            .client()
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(session_name(tenant))
            .set_external_id(external_id.map(str::to_owned))
            .duration_seconds(self.bounds.session_s);
        let assumed = Box::pin(assume.send())
            .await
            .map_err(|error| failure::failed(&error, role, self.bounds))?;
        assumed
            .credentials
            .and_then(keys)
            .ok_or_else(|| failure::unreadable(role, self.bounds))
    }
}

/// What the tenant sees in its CloudTrail. STS takes 64 characters, and a tenant's id has 48 at
/// most.
fn session_name(tenant: &TenantId) -> String {
    format!("fluxgate-{tenant}")
}

fn keys(keys: aws_sdk_sts::types::Credentials) -> Option<Credentials> {
    let expires = SystemTime::try_from(keys.expiration).ok()?;
    let (access_key, secret_key, token) = (
        keys.access_key_id,
        keys.secret_access_key,
        keys.session_token,
    );
    Some(Credentials::new(
        access_key,
        secret_key,
        Some(token),
        Some(expires),
        "assumed role",
    ))
}

fn remaining_ms(keys: &Credentials, now: Timestamp) -> u64 {
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = keys.expiry().map(since).unwrap_or(Duration::MAX);
    Timestamp(i64::try_from(expires.as_millis()).unwrap_or(i64::MAX)).since_ms(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_tenant_id_fits_a_session_name() {
        let longest = TenantId::parse(&"a".repeat(48)).unwrap();

        assert!(session_name(&longest).len() <= 64);
    }
}
