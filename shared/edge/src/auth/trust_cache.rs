//! Finds a token's trust. Caches briefly which tenants trust an issuer, but never that none does.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxgate_core::Error;
use fluxgate_core::app::Trusts;
use fluxgate_core::digest::{RunningSha256, Sha256, update_json};
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{ClaimPath, Issuer, KeySource, Trust, Unfit};
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
    trusted: Arc<Trusted>,
    read_at: Timestamp,
}

pub(super) struct TrustCache {
    tenants: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    ttl_ms: u64,
    /// Where the trusts of an issuer look.
    asked: Cache<String, Arc<BTreeSet<ClaimPath>>>,
    /// By issuer, and what a token says where they look.
    by_claims: Cache<Sha256, Known>,
}

impl TrustCache {
    pub(super) fn new(tenants: Arc<Trusts>, clock: Arc<dyn Clock>, bounds: &AuthBounds) -> Self {
        Self {
            tenants,
            clock,
            ttl_ms: bounds.trust_ttl_ms,
            asked: Cache::new(bounds.issuers_max),
            by_claims: Cache::new(bounds.trusts_max),
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
        let asked = self.asked.get(issuer);
        let known = asked.and_then(|asked| self.by_claims.get(&place(issuer, &asked, claims)));
        let fresh = |known: &Known| self.clock.now().since_ms(known.read_at) < self.ttl_ms;
        match known.filter(fresh) {
            Some(known) => Ok(known.trusted),
            None => self.read(issuer, claims).await,
        }
    }

    async fn read(&self, issuer: &str, claims: &Claims) -> Result<Arc<Trusted>, Error> {
        let read_at = self.clock.now();
        let mut found = self.tenants.fitting(issuer, claims.all()).await?;
        // Compared byte for byte, independent of the store's collation.
        found.fitting.retain(|(_, trust)| trust.issuer == issuer);
        if found.is_unknown() {
            self.asked.remove(issuer);
            let is_key = issuer.starts_with(Issuer::PREFIX);
            return Err(match is_key {
                true => Refusal::OtherInstallation.into(),
                false => Refusal::IssuerUnknown.into(),
            });
        }
        let asked = Arc::new(found.asked);
        self.asked.insert(issuer.to_owned(), Arc::clone(&asked));
        let trusted = Arc::new(the_one(found.fitting, &asked, claims)?);
        let known = Known {
            trusted: Arc::clone(&trusted),
            read_at,
        };
        self.by_claims.insert(place(issuer, &asked, claims), known);
        Ok(trusted)
    }
}

/// Tokens that say the same where the issuer's trusts look have the same trust.
fn place(issuer: &str, asked: &BTreeSet<ClaimPath>, claims: &Claims) -> Sha256 {
    let said = asked.iter().map(|path| path.values(claims.all()));
    let mut running = RunningSha256::default();
    update_json(&mut running, &json!([issuer, said.collect::<Vec<_>>()]));
    running.finish()
}

/// Two matches count as none: which tenant pays must never be a guess.
fn the_one(
    fitting: Vec<(TenantId, Trust)>,
    asked: &BTreeSet<ClaimPath>,
    claims: &Claims,
) -> Result<Trusted, Refusal> {
    let mut fitting = fitting.into_iter();
    match (fitting.next(), fitting.next()) {
        (Some((tenant, trust)), None) => Ok(Trusted::new(tenant, trust)),
        (None, _) => Err(Refusal::NoTenant(mismatch(asked, claims))),
        (Some(one), Some(other)) => Err(Refusal::SeveralTenants(twice(&one, &other))),
    }
}

/// Where the claims were looked for, and what was there instead; no value of the token.
fn mismatch(asked: &BTreeSet<ClaimPath>, claims: &Claims) -> String {
    const PLACES_MAX: usize = 3;
    let texts = asked.iter().take(PLACES_MAX).map(|path| {
        let at = path.pointer();
        match path.unfit(claims.all()) {
            Unfit::Missing => format!("it has nothing at '{at}'"),
            Unfit::Kind(kind) => format!(
                "at '{at}' it has {kind}, where text, a whole number or a list of these is needed"
            ),
            Unfit::Different => format!("what it has at '{at}' is no tenant's"),
        }
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn twice(one: &(TenantId, Trust), other: &(TenantId, Trust)) -> String {
    let whose = if one.0 == other.0 {
        "two trusts of its tenant"
    } else {
        "several tenants"
    };
    let at =
        |(_, trust): &(TenantId, Trust)| trust.claim.as_ref().map(|claim| claim.path.pointer());
    match (at(one), at(other)) {
        (Some(one), Some(other)) if one == other => format!(
            "{whose}: the list at '{one}' has more than one of their values; have the issuer write only one"
        ),
        (Some(one), Some(other)) => format!(
            "{whose}: one by '{one}', another by '{other}'; tell them apart by the same claim, with one value in each token"
        ),
        _ => format!("{whose}; give each trust a claim with a value of its own"),
    }
}

impl Trusted {
    pub(super) fn new(tenant: TenantId, trust: Trust) -> Self {
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
