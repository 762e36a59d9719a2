//! Tenants' roles in AWS, assumed with their ExternalId.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod failure;
mod probe;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    BehaviorVersion, Config, Region, SharedCredentialsProvider, SharedHttpClient,
};
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::AssumedRole;
use fluxgate_core::time::Timestamp;
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};

pub use probe::RoleProbe;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One attempt of one call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// All attempts of one call.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);
/// Attempts of one call, including the first.
const ATTEMPTS_MAX: u32 = 3;

/// Which STS, and as whom.
#[derive(Debug, Clone)]
pub struct StsSettings {
    pub region: String,
    /// `None`: AWS's endpoint of the region.
    pub endpoint: Option<String>,
    pub credentials: SharedCredentialsProvider,
    /// `None`: the client that the SDK comes with, if it was built in.
    pub http: Option<SharedHttpClient>,
}

impl StsSettings {
    fn client(&self) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT);
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
        config.set_endpoint_url(self.endpoint.clone());
        config.set_http_client(self.http.clone());
        Client::from_conf(config.build())
    }
}

/// How long assumed roles are used, and how often STS is called.
#[derive(Debug, Clone, Copy)]
pub struct RoleBounds {
    /// Role chaining is limited to an hour, and a Lambda already runs in a role.
    pub session_s: i32,
    /// Credentials are renewed this long before they expire.
    pub renew_early_ms: u64,
    /// A tenant with a broken role must not make everybody wait for STS.
    pub denied_pause_ms: u64,
    /// Pause after STS did not answer.
    pub unavailable_pause_ms: u64,
    /// Maximum number of roles whose credentials are cached.
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

/// How a role is asked for.
#[derive(Debug, Clone, Copy)]
struct Session<'a> {
    external_id: Option<&'a str>,
    /// `None`: everything that the role may do.
    policy: Option<&'a str>,
}

/// Assumes tenants' roles and caches their credentials until shortly before they expire.
pub struct StsRoles {
    settings: StsSettings,
    /// Created for the first role: few of a function's processes need one.
    client: OnceLock<Client>,
    /// By ARN, ExternalId and the session's policy.
    cache: SingleFlight<(String, String, String), Credentials>,
    bounds: RoleBounds,
}

impl StsRoles {
    pub fn new(settings: StsSettings, clock: Arc<dyn Clock>, bounds: RoleBounds) -> Self {
        Self {
            settings,
            client: OnceLock::new(),
            cache: SingleFlight::new(bounds.roles_max, clock),
            bounds,
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| self.settings.client())
    }

    /// Credentials for the role, which allow no more than the policy does. Kind `Unavailable`: code
    /// `role_denied` if STS refuses, with a message that tells the tenant what to check, or
    /// `role_unavailable` if it did not answer.
    pub async fn credentials(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        policy: &str,
    ) -> Result<Credentials> {
        let (arn, external_id) = (role.arn.clone(), role.external_id.clone());
        let key = (arn, external_id, policy.to_owned());
        self.cache.get(&key, self.keys(role, tenant, policy)).await
    }

    async fn keys(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        policy: &str,
    ) -> Result<Fetched<Credentials>, Failed> {
        let session = Session {
            external_id: Some(&role.external_id),
            policy: Some(policy),
        };
        let value = self.assume(role, tenant, session).await?;
        let serves_until = expiry(&value);
        let early = i64::try_from(self.bounds.renew_early_ms).unwrap_or(i64::MAX);
        Ok(Fetched {
            value,
            fresh_until: Timestamp(serves_until.0.saturating_sub(early)),
            serves_until,
        })
    }

    async fn assume(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        session: Session<'_>,
    ) -> Result<Credentials, Failed> {
        let assume = self
            .client()
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(session_name(tenant))
            .set_external_id(session.external_id.map(str::to_owned))
            .set_policy(session.policy.map(str::to_owned))
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

/// The session name in the tenant's CloudTrail. STS allows 64 characters, and a tenant's id has at
/// most 48.
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

fn expiry(keys: &Credentials) -> Timestamp {
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = keys.expiry().map_or(Duration::MAX, since);
    Timestamp(i64::try_from(expires.as_millis()).unwrap_or(i64::MAX))
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
