//! Whom a tenant may trust: what can work at all, and what no token can mistake for another tenant's.

use super::Tenancy;
use crate::callback::CallbackUrl;
use crate::error::{Error, Kind, Result};
use crate::id::TenantId;
use crate::tenant::{KeySource, Trust};

/// Trusts of one tenant.
const TRUSTS_MAX: usize = 16;

impl Tenancy {
    /// Kind `Invalid` for what cannot work, kind `Conflict` with code `issuer_ambiguous` for an issuer whose tokens could mean
    /// another tenant as well.
    pub(super) async fn check_trust(&self, tenant: &TenantId, trusts: &[Trust]) -> Result<()> {
        if trusts.is_empty() || trusts.len() > TRUSTS_MAX {
            return Err(invalid(format!("name 1 to {TRUSTS_MAX} issuers whose tokens speak for the tenant")));
        }
        for (n, trust) in trusts.iter().enumerate() {
            check_issuer(trust)?;
            check_scopes(trust)?;
            if trusts[..n].iter().any(|other| other.issuer == trust.issuer && !told_apart(trust, other)) {
                let text = "is named twice; name it once, or give each a claim of one name with different values";
                return Err(invalid(format!("the issuer '{}' {text}", trust.issuer)));
            }
            let others = self.tenants.trusting(&trust.issuer).await?;
            if let Some((other, _)) = others.iter().find(|(id, other)| id != tenant && !told_apart(trust, other)) {
                let text = format!(
                    "tokens of issuer '{}' could speak for tenant '{other}' as well; give both a claim with different values",
                    trust.issuer
                );
                return Err(Error::new(Kind::Conflict, "issuer_ambiguous", text).field("trust"));
            }
        }
        Ok(())
    }
}

/// True when no token of the issuer can match both. The audience does not tell: a token may be meant for several.
fn told_apart(one: &Trust, other: &Trust) -> bool {
    match (&one.claim, &other.claim) {
        (Some(one), Some(other)) => one.name == other.name && one.value != other.value,
        _ => false,
    }
}

fn check_issuer(trust: &Trust) -> Result<()> {
    let bad = |text: &str| Err(invalid(text.to_owned()));
    if trust.issuer.is_empty() || trust.audience.is_empty() {
        return bad("a trust names an issuer and an audience");
    }
    if trust.issuer.len() > Trust::ISSUER_BYTES_MAX {
        return bad(&format!("an issuer has at most {} bytes", Trust::ISSUER_BYTES_MAX));
    }
    if trust.claim.as_ref().is_some_and(|claim| claim.name.is_empty() || claim.value.is_empty()) {
        return bad("the claim that tells the tenant has a name and a value");
    }
    match &trust.keys {
        KeySource::Oidc if !is_web_address(&trust.issuer) => {
            bad("an issuer that is no URL cannot be asked for its keys; name a jwks_url or give the jwks")
        }
        KeySource::JwksUrl(url) if !is_web_address(url) => {
            bad("the jwks_url must be an absolute https URL that names a host, without user name and password")
        }
        KeySource::Jwks(set) if !set.get("keys").is_some_and(serde_json::Value::is_array) => {
            bad("the jwks is no key set: it has no array 'keys' (RFC 7517)")
        }
        _ => Ok(()),
    }
}

/// Whether the address is allowed is the guard's to say, when the keys are fetched.
fn is_web_address(text: &str) -> bool {
    CallbackUrl::parse(text).is_ok()
}

fn check_scopes(trust: &Trust) -> Result<()> {
    match &trust.scopes {
        Some(scopes) if scopes.claim.is_empty() || scopes.words.is_empty() => {
            let text = "the scopes name the claim to read and at least one word; leave them out to allow everything";
            Err(invalid(text.to_owned()))
        }
        _ => Ok(()),
    }
}

fn invalid(text: String) -> Error {
    Error::invalid("invalid_trust", text).field("trust")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::ClaimMatch;

    fn trust(claim: Option<&str>) -> Trust {
        Trust {
            issuer: "https://issuer.example".to_owned(),
            audience: "fluxgate".to_owned(),
            keys: KeySource::Oidc,
            scopes: None,
            claim: claim.map(|value| ClaimMatch { name: "org".to_owned(), value: value.to_owned() }),
        }
    }

    #[test]
    fn tenants_of_one_issuer_are_told_apart_by_the_same_claim_with_other_values() {
        assert!(told_apart(&trust(Some("a")), &trust(Some("b"))));
        assert!(!told_apart(&trust(Some("a")), &trust(Some("a"))));
        assert!(!told_apart(&trust(None), &trust(Some("a"))));
        assert!(!told_apart(&trust(None), &trust(None)));
        let elsewhere = Trust { audience: "another".to_owned(), ..trust(None) };
        assert!(!told_apart(&trust(None), &elsewhere));
    }
}
