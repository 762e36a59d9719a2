//! Making a tenant that works at once, and the tokens that speak for it.

use std::sync::Arc;

use anyhow::Result;
use fluxgate_core::app::{Context, NewDestination, NewTenant, Operator, OperatorParts};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Clock as _, Ids as _, Provider, ProviderBooks, SystemClock};
use fluxgate_core::tenant::{
    Actor, ClaimMatch, KeySource, Limits, Tenant, Trust, UnarchivedOutputs,
};
use fluxgate_edge::auth::TokenClaims;
use fluxgate_outbound::WaveSpeedClient;

use crate::destinations::BucketFolders;
use crate::folder::{DataFolder, LOCAL_AUDIENCE, LOCAL_ISSUER, SystemEntropy, TENANT_CLAIM};

/// The reference of the money a tenant starts with.
const FIRST_TOP_UP: &str = "tenants-add";

impl DataFolder {
    /// What every role has, on this folder.
    pub fn context(&self, bounds: Bounds) -> Context {
        Context {
            store: Arc::new(self.store.clone()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            bounds: Arc::new(bounds),
        }
    }

    /// The operator's use cases on this folder.
    pub fn operator(&self, provider: Option<Arc<WaveSpeedClient>>) -> Operator {
        Operator::new(OperatorParts {
            context: self.context(Bounds::default()),
            destinations: Arc::new(BucketFolders(self.buckets())),
            provider: provider
                .clone()
                .map(|provider| -> Arc<dyn Provider> { provider }),
            provider_books: provider.map(|provider| -> Arc<dyn ProviderBooks> { provider }),
        })
    }

    /// Makes a tenant with a bucket, trust in the local issuer, and a balance. Fails when the name
    /// is taken or not valid.
    pub async fn add_tenant(&self, id: &TenantId, balance: MicroUsd) -> Result<Tenant> {
        let operator = self.operator(None);
        let tenant = operator.onboard(self.new_tenant(id), &Actor::cli()).await?;
        if balance > MicroUsd::ZERO {
            operator
                .top_up(id, balance, FIRST_TOP_UP, &Actor::cli())
                .await?;
        }
        Ok(tenant)
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

    /// A token of the local issuer that speaks for the tenant. Kind `NotFound` when there is no
    /// such tenant.
    pub async fn token(&self, id: &TenantId, lifetime_ms: u64) -> Result<String> {
        let tenant = self.operator(None).tenant(id).await?;
        let now = SystemClock.now();
        let claims = TokenClaims {
            iss: LOCAL_ISSUER.to_owned(),
            aud: LOCAL_AUDIENCE.to_owned(),
            sub: format!("local:{}", tenant.id),
            claim: Some(ClaimMatch {
                name: TENANT_CLAIM.to_owned(),
                value: tenant.id.to_string(),
            }),
            iat: now,
            nbf: now,
            exp: now.plus_ms(lifetime_ms),
            jti: SystemEntropy.id32(now),
        };
        Ok(self.secrets.issuer.sign(&claims)?)
    }
}
