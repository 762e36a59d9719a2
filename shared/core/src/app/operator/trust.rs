//! Whom a tenant may trust: what can work at all, and what no token can mistake for another
//! tenant's.

use serde_json::Value;

use super::Operator;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::rsa_key::weakness_of_jwk;
use crate::domain::tenant::{KeySource, Trust};
use crate::domain::webhook::CallbackUrl;

/// Trusts of one tenant.
const TRUSTS_MAX: usize = 16;

impl Operator {
    /// Kind `Invalid` for what cannot work, kind `Conflict` with code `issuer_ambiguous` for an
    /// issuer whose tokens could mean another tenant as well.
    pub(super) async fn check_trust(&self, tenant: &TenantId, trusts: &[Trust]) -> Result<()> {
        if trusts.is_empty() || trusts.len() > TRUSTS_MAX {
            return Err(invalid(format!(
                "name 1 to {TRUSTS_MAX} issuers whose tokens speak for the tenant"
            )));
        }
        for (n, trust) in trusts.iter().enumerate() {
            check_issuer(trust)?;
            check_scopes(trust)?;
            if trusts[..n]
                .iter()
                .any(|other| other.issuer == trust.issuer && !trust.told_apart(other))
            {
                let text = "is named twice; name it once, or give each a claim of one name with different values";
                return Err(invalid(format!("the issuer '{}' {text}", trust.issuer)));
            }
            // The store decides; who is refused here has prepared nothing yet.
            let others = self.context.tenants().trusting(&trust.issuer).await?;
            Trust::check_ambiguity(tenant, trusts, &trust.issuer, &others)?;
        }
        Ok(())
    }
}

fn check_issuer(trust: &Trust) -> Result<()> {
    let bad = |text: &str| Err(invalid(text.to_owned()));
    if trust.issuer.is_empty() || trust.audience.is_empty() {
        return bad("a trust names an issuer and an audience");
    }
    if trust.issuer.len() > Trust::ISSUER_BYTES_MAX {
        return bad(&format!(
            "an issuer has at most {} bytes",
            Trust::ISSUER_BYTES_MAX
        ));
    }
    if trust
        .claim
        .as_ref()
        .is_some_and(|claim| claim.name.is_empty() || claim.value.is_empty())
    {
        return bad("the claim that tells the tenant has a name and a value");
    }
    match &trust.keys {
        KeySource::Oidc if !is_web_address(&trust.issuer) => bad(
            "an issuer that is no URL cannot be asked for its keys; name a jwks_url or give the jwks",
        ),
        KeySource::JwksUrl(url) if !is_web_address(url) => bad(
            "the jwks_url must be an absolute https URL that names a host, without user name and password",
        ),
        KeySource::Jwks(set) => match set.get("keys").and_then(Value::as_array) {
            Some(keys) => keys.iter().try_for_each(check_key),
            None => bad("the jwks is no key set: it has no array 'keys' (RFC 7517)"),
        },
        _ => Ok(()),
    }
}

/// A weak key would be left out when a token comes; here somebody is there to read why.
fn check_key(key: &Value) -> Result<()> {
    match weakness_of_jwk(key) {
        Some(weakness) => {
            let kid = key
                .get("kid")
                .and_then(Value::as_str)
                .unwrap_or("without a kid");
            Err(
                Error::invalid("weak_key", format!("the key '{kid}' {}", weakness.text()))
                    .field("trust"),
            )
        }
        None => Ok(()),
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
