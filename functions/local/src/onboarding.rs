//! Creating a tenant that works at once, and tokens for it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use fluxgate_core::app::{
    ApiKeys, Context, NewDestination, NewTenant, Operator, OperatorParts, SealedSigningKeys, Vault,
};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Clock, Ids as _, Provider, ProviderBooks, SystemClock, SystemEntropy};
use fluxgate_core::tenant::{
    Actor, ClaimMatch, KeySource, Limits, RetentionDays, Tenant, Trust, UnarchivedOutputs,
};
use fluxgate_core::{Error, Kind};
use fluxgate_edge::auth::TokenClaims;
use fluxgate_embedded::SqliteStore;
use fluxgate_outbound::WaveSpeedClient;

use crate::destinations::{Buckets, Stores};
use crate::folder::{
    DataFolder, FolderReader, FolderSecrets, LOCAL_AUDIENCE, LOCAL_ISSUER, TENANT_CLAIM, buckets,
};
use crate::key_ring::FolderKeyRing;

/// The reference of a tenant's starting balance.
pub(crate) const FIRST_TOP_UP: &str = "tenants-add";

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
        operator(self.context(), &self.path, provider, None)
    }

    /// The same, at another time.
    pub(crate) fn operator_at(&self, clock: Arc<dyn Clock>) -> Operator {
        let context = Context {
            clock,
            ..self.context()
        };
        operator(context, &self.path, None, None)
    }

    /// The same for a server, which reaches the stores of destinations.
    pub(crate) fn operator_of_server(
        &self,
        provider: Arc<WaveSpeedClient>,
        stores: Stores,
    ) -> Operator {
        operator(self.context(), &self.path, Some(provider), Some(stores))
    }

    /// What makes and revokes API keys in this folder.
    pub fn api_keys(&self) -> ApiKeys {
        api_keys(self.context(), &self.path)
    }

    /// Creates a tenant with a bucket, trust in the local issuer, and a balance. Fails if the name
    /// is taken or invalid.
    pub async fn add_tenant(&self, id: &TenantId, balance: MicroUsd) -> Result<Tenant> {
        self.add_tenant_as(&self.operator(None), id, balance).await
    }

    /// The same, by an operator of this folder.
    pub(crate) async fn add_tenant_as(
        &self,
        operator: &Operator,
        id: &TenantId,
        balance: MicroUsd,
    ) -> Result<Tenant> {
        let actor = Actor::cli();
        let onboarded = operator.onboard(self.new_tenant(id), &actor).await?;
        if balance > MicroUsd::ZERO {
            operator.top_up(id, balance, FIRST_TOP_UP, &actor).await?;
        }
        Ok(onboarded.tenant)
    }

    fn new_tenant(&self, id: &TenantId) -> NewTenant {
        let destination = NewDestination {
            bucket: format!("fluxgate-{id}"),
            ..NewDestination::default()
        };
        NewTenant {
            id: id.clone(),
            trust: vec![local_trust(&self.secrets, id)],
            destination,
            limits: Limits::default(),
            unarchived: UnarchivedOutputs::default(),
            retention: RetentionDays::default(),
            force: false,
        }
    }

    /// A token of the local issuer for the tenant. Kind `NotFound` if there is no such tenant,
    /// `Conflict` if it does not trust the local issuer.
    pub async fn token(&self, id: &TenantId, lifetime_ms: u64) -> Result<String> {
        let tenant = self.operator(None).tenant(id).await?;
        check_trust(&tenant)?;
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
        operator(self.context(), &self.path, provider, None)
    }

    /// As [`DataFolder::token`].
    pub async fn token(&self, id: &TenantId, lifetime_ms: u64) -> Result<String> {
        let tenant = self.operator(None).tenant(id).await?;
        check_trust(&tenant)?;
        let secrets = FolderSecrets::open(&self.path)?;
        Ok(secrets.issuer.sign(&claims(&tenant.id, lifetime_ms))?)
    }
}

/// Trust in the tokens that 'fluxgate token' prints for the tenant.
pub(crate) fn local_trust(secrets: &FolderSecrets, tenant: &TenantId) -> Trust {
    let keys = KeySource::Jwks(secrets.issuer.jwks());
    Trust::new(LOCAL_ISSUER, LOCAL_AUDIENCE, keys).for_claim(TENANT_CLAIM, tenant.as_str())
}

fn context(store: &SqliteStore, bounds: &Arc<Bounds>) -> Context {
    Context {
        store: Arc::new(store.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        bounds: bounds.clone(),
    }
}

pub(crate) fn vault(folder: &Path) -> Vault {
    let ring = FolderKeyRing::of(folder);
    Vault::new(Arc::new(ring), Arc::new(SystemEntropy))
}

/// The signing keys lie sealed in the database.
pub(crate) fn api_keys(context: Context, folder: &Path) -> ApiKeys {
    let signing_keys = SealedSigningKeys::new(context.clone(), vault(folder));
    ApiKeys::new(context, Arc::new(signing_keys))
}

pub(crate) fn operator(
    context: Context,
    folder: &Path,
    provider: Option<Arc<WaveSpeedClient>>,
    stores: Option<Stores>,
) -> Operator {
    Operator::new(OperatorParts {
        context,
        vault: vault(folder),
        destinations: Arc::new(Buckets {
            folder: buckets(folder),
            stores,
        }),
        provider: provider
            .clone()
            .map(|provider| -> Arc<dyn Provider> { provider }),
        provider_books: provider.map(|provider| -> Arc<dyn ProviderBooks> { provider }),
    })
}

fn check_trust(tenant: &Tenant) -> fluxgate_core::Result<()> {
    if tenant
        .trust
        .iter()
        .any(|trust| trust.issuer == LOCAL_ISSUER)
    {
        return Ok(());
    }
    let id = &tenant.id;
    let text = format!(
        "tenant {id} does not trust the local issuer, whose tokens it would refuse; give --token or FLUXGATE_TOKEN an \
         API key, which 'fluxgate keys create {id} --name NAME' makes"
    );
    Err(Error::new(Kind::Conflict, "issuer_not_trusted", text))
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
