//! Creating a tenant that works at once, and tokens for it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use fluxgate_core::app::{Context, NewDestination, NewTenant, Operator, OperatorParts, Vault};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{
    Clock as _, Ids as _, Provider, ProviderBooks, SystemClock, SystemEntropy,
};
use fluxgate_core::tenant::{
    Actor, ClaimMatch, KeySource, Limits, Tenant, Trust, UnarchivedOutputs,
};
use fluxgate_edge::auth::TokenClaims;
use fluxgate_embedded::SqliteStore;
use fluxgate_outbound::WaveSpeedClient;

use crate::destinations::BucketFolders;
use crate::folder::{
    DataFolder, FolderReader, FolderSecrets, LOCAL_AUDIENCE, LOCAL_ISSUER, TENANT_CLAIM, buckets,
};
use crate::key_ring::FolderKeyRing;

/// The reference of a tenant's starting balance.
const FIRST_TOP_UP: &str = "tenants-add";

impl DataFolder {
    /// What every role has, on this folder.
    pub fn context(&self) -> Context {
        context(&self.store, &self.bounds)
    }

    /// What seals and opens the secrets in this folder.
    pub fn vault(&self) -> Vault {
        vault(&self.path)
    }

    /// The operator's use cases for this folder.
    pub fn operator(&self, provider: Option<Arc<WaveSpeedClient>>) -> Operator {
        operator(self.context(), &self.path, provider)
    }

    /// Creates a tenant with a bucket, trust in the local issuer, and a balance. Fails if the name
    /// is taken or invalid.
    pub async fn add_tenant(&self, id: &TenantId, balance: MicroUsd) -> Result<Tenant> {
        let (operator, actor) = (self.operator(None), Actor::cli());
        let onboarded = operator.onboard(self.new_tenant(id), &actor).await?;
        if balance > MicroUsd::ZERO {
            operator.top_up(id, balance, FIRST_TOP_UP, &actor).await?;
        }
        Ok(onboarded.tenant)
    }

    fn new_tenant(&self, id: &TenantId) -> NewTenant {
        let trust = Trust {
            issuer: LOCAL_ISSUER.to_owned(),
            audience: LOCAL_AUDIENCE.to_owned(),
            keys: KeySource::Jwks(self.secrets.issuer.jwks()),
            claim: Some(ClaimMatch {
                name: TENANT_CLAIM.to_owned(),
                value: id.to_string(),
            }),
            scopes: None,
        };
        let destination = NewDestination {
            bucket: format!("fluxgate-{id}"),
            prefix: String::new(),
            bucket_owner: None,
            role_arn: None,
        };
        NewTenant {
            id: id.clone(),
            trust: vec![trust],
            destination,
            limits: Limits::default(),
            unarchived: UnarchivedOutputs::default(),
        }
    }

    /// A token of the local issuer for the tenant. Kind `NotFound` if there is no such tenant.
    pub async fn token(&self, id: &TenantId, lifetime_ms: u64) -> Result<String> {
        let tenant = self.operator(None).tenant(id).await?;
        Ok(self.secrets.issuer.sign(&claims(&tenant.id, lifetime_ms))?)
    }
}

impl FolderReader {
    /// What every role has, as far as it reads.
    pub fn context(&self) -> Context {
        context(&self.store, &self.bounds)
    }

    /// The operator's use cases that change nothing.
    pub fn operator(&self, provider: Option<Arc<WaveSpeedClient>>) -> Operator {
        operator(self.context(), &self.path, provider)
    }

    /// As [`DataFolder::token`].
    pub async fn token(&self, id: &TenantId, lifetime_ms: u64) -> Result<String> {
        let tenant = self.operator(None).tenant(id).await?;
        let secrets = FolderSecrets::open(&self.path)?;
        Ok(secrets.issuer.sign(&claims(&tenant.id, lifetime_ms))?)
    }
}

fn context(store: &SqliteStore, bounds: &Arc<Bounds>) -> Context {
    Context {
        store: Arc::new(store.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        bounds: bounds.clone(),
    }
}

fn vault(folder: &Path) -> Vault {
    let ring = FolderKeyRing::of(folder);
    Vault::new(Arc::new(ring), Arc::new(SystemEntropy))
}

fn operator(context: Context, folder: &Path, provider: Option<Arc<WaveSpeedClient>>) -> Operator {
    Operator::new(OperatorParts {
        context,
        vault: vault(folder),
        destinations: Arc::new(BucketFolders(buckets(folder))),
        provider: provider
            .clone()
            .map(|provider| -> Arc<dyn Provider> { provider }),
        provider_books: provider.map(|provider| -> Arc<dyn ProviderBooks> { provider }),
    })
}

fn claims(tenant: &TenantId, lifetime_ms: u64) -> TokenClaims {
    let now = SystemClock.now();
    TokenClaims {
        iss: LOCAL_ISSUER.to_owned(),
        aud: LOCAL_AUDIENCE.to_owned(),
        sub: format!("local:{tenant}"),
        claim: Some(ClaimMatch {
            name: TENANT_CLAIM.to_owned(),
            value: tenant.to_string(),
        }),
        iat: now,
        nbf: now,
        exp: now.plus_ms(lifetime_ms),
        jti: SystemEntropy.id32(now),
    }
}
