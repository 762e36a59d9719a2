//! Checks a tenant's trusts: each must be usable, and no token may be accepted for two tenants.

use serde_json::Value;

use super::Operator;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::rsa_key::weakness_of_jwk;
use crate::domain::tenant::{KeySource, Trust};
use crate::domain::webhook::CallbackUrl;

/// Maximum number of trusts per tenant.
const TRUSTS_MAX: usize = 16;

impl Operator {
    /// Kind `Invalid` for unusable trusts, kind `Conflict` with code `issuer_ambiguous` for an
    /// issuer whose tokens could also mean another tenant.
    pub(super) async fn check_trust(&self, tenant: &TenantId, trusts: &[Trust]) -> Result<()> {
        if trusts.is_empty() || trusts.len() > TRUSTS_MAX {
            return Err(invalid(format!(
                "a tenant needs 1 to {TRUSTS_MAX} trusted issuers"
            )));
        }
        for (n, trust) in trusts.iter().enumerate() {
            check_issuer(trust)?;
            check_scopes(trust)?;
            if trusts[..n]
                .iter()
                .any(|other| other.issuer == trust.issuer && !trust.told_apart(other))
            {
                let text = "is listed twice; list it once, or give each entry the same claim with a different value";
                return Err(invalid(format!("the issuer '{}' {text}", trust.issuer)));
            }
            // The store enforces this; checking here fails before the destination is prepared.
            let others = self.context.tenants().trusting(&trust.issuer).await?;
            Trust::check_ambiguity(tenant, trusts, &trust.issuer, &others)?;
        }
        Ok(())
    }
}

fn check_issuer(trust: &Trust) -> Result<()> {
    let bad = |text: &str| Err(invalid(text.to_owned()));
    if trust.issuer.is_empty() || trust.audience.is_empty() {
        return bad("a trust needs an issuer and an audience");
    }
    if trust.issuer.len() > Trust::ISSUER_BYTES_MAX {
        return bad(&format!(
            "an issuer may have at most {} bytes",
            Trust::ISSUER_BYTES_MAX
        ));
    }
    if trust
        .claim
        .as_ref()
        .is_some_and(|claim| claim.name.is_empty() || claim.value.is_empty())
    {
        return bad("the claim that identifies the tenant needs a name and a value");
    }
    match &trust.keys {
        KeySource::Oidc if !is_web_address(&trust.issuer) => bad(
            "the issuer is not an https URL, so its keys cannot be discovered; set jwks_url or jwks",
        ),
        KeySource::JwksUrl(url) if !is_web_address(url) => bad(
            "the jwks_url must be an absolute https URL with a host and without a user name or password",
        ),
        KeySource::Jwks(set) => match set.get("keys").and_then(Value::as_array) {
            Some(keys) => keys.iter().try_for_each(check_key),
            None => bad("the jwks is not a key set: it has no 'keys' array (RFC 7517)"),
        },
        _ => Ok(()),
    }
}

/// A weak key would be ignored when a token arrives; here the operator can still fix it.
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

/// The address itself is checked by the guard when the keys are fetched.
fn is_web_address(text: &str) -> bool {
    CallbackUrl::parse(text).is_ok()
}

fn check_scopes(trust: &Trust) -> Result<()> {
    match &trust.scopes {
        Some(scopes) if scopes.claim.is_empty() || scopes.words.is_empty() => {
            let text = "scopes need the name of the claim and at least one scope; leave them out to allow everything";
            Err(invalid(text.to_owned()))
        }
        _ => Ok(()),
    }
}

fn invalid(text: String) -> Error {
    Error::invalid("invalid_trust", text).field("trust")
}
