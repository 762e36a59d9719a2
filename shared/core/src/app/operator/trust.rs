//! Checks a tenant's trusts: each must be usable, and no token may be accepted for two tenants.

use serde_json::Value;

use super::Operator;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::rsa_key::weakness_of_jwk;
use crate::domain::tenant::{KeySource, Preset, Trust};
use crate::domain::webhook::CallbackUrl;

/// Maximum number of trusts per tenant.
const TRUSTS_MAX: usize = 16;
/// Maximum length of an audience and of a claim's value.
const VALUE_BYTES_MAX: usize = 1_024;

/// Trusts to be written for a tenant.
pub(super) struct NewTrusts<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) trusts: &'a [Trust],
    /// Those that it has, which were accepted before.
    pub(super) before: &'a [Trust],
    /// Accept claims that users can edit.
    pub(super) force: bool,
}

impl Operator {
    /// Kind `Invalid` for unusable trusts, with code `user_editable_claim` for one that goes by
    /// what users write themselves; kind `Conflict` with code `issuer_ambiguous` for an issuer
    /// whose tokens could also mean another tenant.
    pub(super) async fn check_trust(&self, new: NewTrusts<'_>) -> Result<()> {
        let NewTrusts { tenant, trusts, .. } = new;
        if trusts.len() > TRUSTS_MAX {
            return Err(invalid(format!(
                "a tenant may trust {TRUSTS_MAX} issuers at most"
            )));
        }
        for (n, trust) in trusts.iter().enumerate() {
            check_issuer(trust)?;
            check_claims(trust)?;
            if !new.force && !new.before.contains(trust) {
                check_editable(trust)?;
            }
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
    if trust.issuer.is_empty() {
        return bad("a trust needs an issuer");
    }
    if trust.issuer.len() > Trust::ISSUER_BYTES_MAX {
        return bad(&format!(
            "an issuer may have at most {} bytes",
            Trust::ISSUER_BYTES_MAX
        ));
    }
    match &trust.keys {
        KeySource::Oidc if !is_web_address(&trust.issuer) => bad(&format!(
            "the issuer is neither an https URL, where its keys could be discovered, nor one of the presets {}; set jwks_url or jwks for another issuer",
            Preset::names()
        )),
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

/// Tokens for any audience are also those that the issuer makes for others: only a claim keeps them
/// out.
fn check_claims(trust: &Trust) -> Result<()> {
    if trust.audience.is_any() && trust.claim.is_none() {
        let text = "a trust in tokens for any audience needs a claim that identifies the tenant; name the audience, or the claim";
        return Err(invalid(text.to_owned()));
    }
    let is_long = |value: &String| value.len() > VALUE_BYTES_MAX;
    let claimed = trust.claim.as_ref().map(|claim| &claim.value);
    if trust.audience.values().iter().chain(claimed).any(is_long) {
        let text =
            format!("an audience and a claim's value may have at most {VALUE_BYTES_MAX} bytes");
        return Err(invalid(text));
    }
    Ok(())
}

fn check_editable(trust: &Trust) -> Result<()> {
    let Some(path) = trust.user_editable().first().map(|path| path.pointer()) else {
        return Ok(());
    };
    let text = format!(
        "users can usually edit the claim at '{path}', and could choose their tenant or their scopes; use a claim that only the issuer or the operator sets, or force it if users cannot edit this one"
    );
    Err(Error::invalid("user_editable_claim", text).field("trust"))
}

fn invalid(text: String) -> Error {
    Error::invalid("invalid_trust", text).field("trust")
}
