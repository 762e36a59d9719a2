//! A function's outbound connections: the guarded client, the provider's API, the tenants' buckets.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::app::{Trusts, Vault};
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Provider as _, Purpose, SystemClock};
use fluxgate_core::tenant::AssumedRole;
use fluxgate_edge::auth::{AuthBounds, Authenticator};
use fluxgate_outbound::{
    Guard, GuardPolicy, HttpKeySetFetcher, KeySetBounds, NameSettings, ProviderSettings, Roots,
    WaveSpeedClient, store_http,
};
use fluxgate_s3::{
    AwsAccount, Credentials, RoleCredentials, S3Limits, S3ObjectStore, S3Signer, S3SignerSettings,
    S3StoreSettings, S3UsageSink, StoreHttp,
};
use fluxgate_sts::{RoleBounds, StsRoles, StsSettings};
use ipnet::IpNet;
use tokio::time::timeout;

use super::parts::Parts;
use super::stored_secret::StoredSecret;
use crate::config::{ExportBucket, ProviderAccount};
use crate::init::InitError;

const CATALOGUE_TTL_MS: u64 = 300_000;

pub(super) fn guard(allow_net: Vec<IpNet>) -> Result<Guard, InitError> {
    let mut policy = GuardPolicy::allowing(allow_net);
    policy.roots = Roots::Bundled;
    Ok(Guard::new(policy, NameSettings::default())?)
}

pub(super) fn provider_client(
    parts: &Parts,
    provider: &ProviderAccount,
    timeout_ms: u64,
) -> Result<WaveSpeedClient, InitError> {
    let client = WaveSpeedClient::new(ProviderSettings {
        base_url: provider.url.clone(),
        api_key: Arc::new(StoredSecret::named(&parts.secrets, &provider.key_secret)?),
        timeout_ms,
        catalogue_ttl_ms: CATALOGUE_TTL_MS,
        roots: Roots::Bundled,
    })?;
    Ok(client.sharing(parts.store.clone()).watching_the_clock())
}

/// A cold start waits no longer for the provider, which takes less when it is well.
const WARM_MAX: Duration = Duration::from_millis(1_500);

/// Loads the catalogue before anyone waits for it. What fails here will fail again, with a reason,
/// when it is needed; what takes long goes on then, with the shared catalogue meanwhile.
pub(super) async fn warm(provider: &WaveSpeedClient) {
    let error = match timeout(WARM_MAX, provider.catalogue()).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.with_causes(),
        Err(_) => "the provider takes its time".to_owned(),
    };
    tracing::warn!(
        error,
        "cannot read the catalogue yet; it is read again when it is needed"
    );
}

/// Verifies tokens by what their issuers publish.
pub(super) fn authenticator(parts: &Parts, guard: &Guard) -> Authenticator {
    let keys = HttpKeySetFetcher::new(guard.client(Purpose::KeySet), KeySetBounds::default());
    Authenticator::new(
        Trusts::new(parts.store.clone(), Arc::new(keys)).with_keys(parts.store.clone()),
        Arc::new(SystemClock),
        AuthBounds::default(),
    )
}

/// The tenants' buckets, accessed in the tenants' roles or with the keys of their destinations.
pub(super) fn buckets(parts: &Parts, vault: Vault, guard: &Guard) -> S3ObjectStore {
    let guarded = guard.client(Purpose::Store);
    let http = StoreHttp {
        named: Arc::new(move |tenant| store_http(&guarded, tenant)),
        aws: Some(parts.aws.http.clone()),
    };
    S3ObjectStore::new(s3(parts, S3Limits::default()))
        .with_roles(Arc::new(AssumedRoles(roles(parts))))
        .with_stores(aws_account(parts), Arc::new(vault), http)
}

/// AWS in other regions, with the function's own role.
fn aws_account(parts: &Parts) -> AwsAccount {
    AwsAccount {
        endpoint: parts.aws.endpoint.clone(),
        credentials: parts.aws.credentials.clone(),
        force_path_style: parts.aws.endpoint.is_some(),
    }
}

/// The operator's bucket of usage events, accessed in the function's own role. A batch is small,
/// and the sweep has other work to do.
pub(super) fn export_bucket(parts: &Parts, to: &ExportBucket) -> S3UsageSink {
    let limits = S3Limits {
        attempt_timeout_ms: 10_000,
        operation_timeout_ms: 30_000,
        ..S3Limits::default()
    };
    S3UsageSink::new(s3(parts, limits), &to.bucket, &to.prefix)
}

fn s3(parts: &Parts, limits: S3Limits) -> S3StoreSettings {
    let aws = &parts.aws;
    S3StoreSettings {
        endpoint: aws.endpoint.clone(),
        public_endpoint: None,
        region: aws.region.clone(),
        credentials: aws.credentials.clone(),
        // A stand-in for AWS has no wildcard DNS names.
        force_path_style: aws.endpoint.is_some(),
        http: Some(aws.http.clone()),
        limits,
    }
}

/// Roles in the tenants' accounts.
pub(super) fn roles(parts: &Parts) -> StsRoles {
    let aws = &parts.aws;
    let settings = StsSettings {
        region: aws.region.clone(),
        endpoint: aws.endpoint.clone(),
        credentials: aws.credentials.clone(),
        http: Some(aws.http.clone()),
    };
    StsRoles::new(settings, Arc::new(SystemClock), RoleBounds::default())
}

/// The tenants' buckets for a function that signs downloads: it may not write, and does not load
/// the client for writing.
pub(super) fn downloads(parts: &Parts, vault: Vault) -> S3Signer {
    let aws = &parts.aws;
    let settings = S3SignerSettings {
        endpoint: aws.endpoint.clone(),
        region: aws.region.clone(),
        credentials: aws.credentials.clone(),
        force_path_style: aws.endpoint.is_some(),
    };
    S3Signer::new(settings)
        .with_roles(Arc::new(AssumedRoles(roles(parts))))
        .with_stores(aws_account(parts), Arc::new(vault))
}

struct AssumedRoles(StsRoles);

#[async_trait]
impl RoleCredentials for AssumedRoles {
    async fn credentials(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        policy: &str,
    ) -> Result<Credentials> {
        self.0.credentials(role, tenant, policy).await
    }
}
