//! Finds a token's trust. Caches briefly which tenants trust an issuer, but never that none does.

use std::sync::Arc;

use fluxgate_core::Error;
use fluxgate_core::app::Trusts;
use fluxgate_core::digest::{RunningSha256, Sha256, update_json};
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{KeySource, Trust};
use fluxgate_core::time::Timestamp;
use quick_cache::sync::Cache;
use serde_json::json;

use super::bounds::AuthBounds;
use super::claims::Claims;
use super::refusal::Refusal;

/// One tenant's trust in an issuer.
pub(super) struct Trusted {
    pub(super) tenant: TenantId,
    pub(super) trust: Trust,
    /// Issuer and key source: two trusts share a key set only if both are equal.
    pub(super) key_set: Sha256,
}

#[derive(Clone)]
struct Known {
    all: Arc<[Arc<Trusted>]>,
    read_at: Timestamp,
}

pub(super) struct TrustCache {
    tenants: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    ttl_ms: u64,
    by_issuer: Cache<String, Known>,
}

impl TrustCache {
    pub(super) fn new(tenants: Arc<Trusts>, clock: Arc<dyn Clock>, bounds: &AuthBounds) -> Self {
        Self {
            tenants,
            clock,
            ttl_ms: bounds.trust_ttl_ms,
            by_issuer: Cache::new(bounds.issuers_max),
        }
    }

    /// The only trust that the token matches. A cached answer may only accept: a tenant that
    /// another process has just added is found by asking the store again.
    pub(super) async fn find(&self, claims: &Claims) -> Result<Arc<Trusted>, Error> {
        let issuer = claims.issuer().ok_or(Refusal::Claims(
            "the token must name its issuer in the claim 'iss'",
        ))?;
        if issuer.len() > Trust::ISSUER_BYTES_MAX {
            return Err(Refusal::IssuerUnknown.into());
        }
        let fresh = |trusts: &Known| self.clock.now().since_ms(trusts.read_at) < self.ttl_ms;
        if let Some(trusts) = self.by_issuer.get(issuer).filter(fresh)
            && let Ok(trusted) = the_one(&trusts.all, claims)
        {
            return Ok(trusted);
        }
        Ok(the_one(&self.read(issuer).await?, claims)?)
    }

    async fn read(&self, issuer: &str) -> Result<Arc<[Arc<Trusted>]>, Error> {
        let trusts = self.tenants.of_issuer(issuer).await?;
        // Compared byte for byte, independent of the store's collation.
        let ours = trusts
            .into_iter()
            .filter(|(_, trust)| trust.issuer == issuer);
        let all: Arc<[_]> = ours
            .map(|(tenant, trust)| Arc::new(Trusted::new(tenant, trust)))
            .collect();
        if all.is_empty() {
            self.by_issuer.remove(issuer);
            return Err(Refusal::IssuerUnknown.into());
        }
        self.by_issuer.insert(
            issuer.to_owned(),
            Known {
                all: Arc::clone(&all),
                read_at: self.clock.now(),
            },
        );
        Ok(all)
    }
}

/// Two matches count as none: which tenant pays must never be a guess.
fn the_one(all: &[Arc<Trusted>], claims: &Claims) -> Result<Arc<Trusted>, Refusal> {
    let matches = |trusted: &&Arc<Trusted>| {
        trusted
            .trust
            .claim
            .as_ref()
            .is_none_or(|claim| claims.hold(claim))
    };
    let mut matching = all.iter().filter(matches);
    match (matching.next(), matching.next()) {
        (Some(trusted), None) => Ok(Arc::clone(trusted)),
        (None, _) => Err(Refusal::NoTenant),
        (Some(_), Some(_)) => Err(Refusal::SeveralTenants),
    }
}

impl Trusted {
    fn new(tenant: TenantId, trust: Trust) -> Self {
        let key_set = key_set_id(&trust);
        Self {
            tenant,
            trust,
            key_set,
        }
    }
}

fn key_set_id(trust: &Trust) -> Sha256 {
    let mut running = RunningSha256::default();
    update_json(&mut running, &json!(trust.issuer));
    match &trust.keys {
        KeySource::Oidc => update_json(&mut running, &json!("oidc")),
        KeySource::JwksUrl(url) => update_json(&mut running, &json!(["url", url])),
        KeySource::Jwks(set) => {
            update_json(&mut running, &json!("jwks"));
            update_json(&mut running, set);
        }
    }
    running.finish()
}
