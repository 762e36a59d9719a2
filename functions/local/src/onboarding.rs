//! Making a tenant that works at once, and the tokens that speak for it.

use anyhow::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountStore as _, Clock as _, Entropy as _, Ids as _, SystemClock, TenantStore as _};
use fluxgate_core::signature::Secret;
use fluxgate_core::tenant::{ClaimMatch, Destination, KeySource, Tenant, TenantState, Trust};
use fluxgate_edge::auth::TokenClaims;

use crate::folder::{DataFolder, LOCAL_AUDIENCE, LOCAL_ISSUER, SystemEntropy, TENANT_CLAIM};

/// The reference of the money a tenant starts with.
const FIRST_TOP_UP: &str = "tenants-add";

impl DataFolder {
    /// Makes a tenant with a bucket, trust in the local issuer, and a balance. Fails when the name is taken or not valid.
    pub async fn add_tenant(&self, id: &TenantId, balance: MicroUsd) -> Result<Tenant> {
        let now = SystemClock.now();
        let tenant = self.new_tenant(id);
        fluxgate_embedded::s3::create_bucket(&self.buckets(), &tenant.destination.bucket)?;
        self.store.create(&tenant).await?;
        if balance > MicroUsd::ZERO {
            self.store.top_up(id, balance, FIRST_TOP_UP, now).await?;
        }
        Ok(tenant)
    }

    fn new_tenant(&self, id: &TenantId) -> Tenant {
        let mut random = [0; 32];
        SystemEntropy.fill(&mut random);
        Tenant {
            id: id.clone(),
            created_at: SystemClock.now(),
            state: TenantState::Active,
            trust: vec![Trust {
                issuer: LOCAL_ISSUER.to_owned(),
                audience: LOCAL_AUDIENCE.to_owned(),
                keys: KeySource::Jwks(self.secrets.issuer.jwks()),
                claim: Some(ClaimMatch { name: TENANT_CLAIM.to_owned(), value: id.to_string() }),
                scopes: None,
            }],
            destination: Destination {
                bucket: format!("fluxgate-{id}"),
                prefix: String::new(),
                role: None,
                bucket_owner: None,
            },
            webhook_secret: Secret::webhook(random),
            version: 1,
            prices: fluxgate_core::money::PriceBook::default(),
        }
    }

    /// A token of the local issuer that speaks for the tenant. Kind `NotFound` when there is no such tenant.
    pub async fn token(&self, id: &TenantId, lifetime_ms: u64) -> Result<String> {
        let tenant = fluxgate_core::port::TenantStore::get(&self.store, id).await?;
        let now = SystemClock.now();
        let claims = TokenClaims {
            iss: LOCAL_ISSUER.to_owned(),
            aud: LOCAL_AUDIENCE.to_owned(),
            sub: format!("local:{}", tenant.id),
            claim: Some(ClaimMatch { name: TENANT_CLAIM.to_owned(), value: tenant.id.to_string() }),
            iat: now,
            nbf: now,
            exp: now.plus_ms(lifetime_ms),
            jti: SystemEntropy.id32(now),
        };
        Ok(self.secrets.issuer.sign(&claims)?)
    }
}
