//! Finds an issuer's keys: given inline, at a URL, or through its OpenID configuration.

use fluxgate_core::app::Trusts;
use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::KeySource;
use fluxgate_core::{Error, Kind, echo};
use serde_json::Value;
use url::Url;

use super::key_set::KeySet;
use super::trust_cache::Trusted;

/// Reads a trust's keys. Fails with kind `Unavailable` and code `key_set_unavailable`.
pub(super) async fn key_set(
    trusts: &Trusts,
    trusted: &Trusted,
    keys_max: usize,
) -> Result<KeySet, Error> {
    let issuer = Issuer {
        trusts,
        tenant: &trusted.tenant,
    };
    match &trusted.trust.keys {
        KeySource::Jwks(set) => KeySet::parse(set, keys_max),
        KeySource::JwksUrl(url) => KeySet::parse(&issuer.get(url).await?, keys_max),
        KeySource::Oidc => {
            let url = issuer.discovered(&trusted.trust.issuer).await?;
            KeySet::parse(&issuer.get(&url).await?, keys_max)
        }
    }
}

/// The source of a trust's keys, and the tenant on whose behalf they are fetched.
struct Issuer<'a> {
    trusts: &'a Trusts,
    tenant: &'a TenantId,
}

impl Issuer<'_> {
    /// OpenID Connect Discovery 1.0, section 4.
    async fn discovered(&self, issuer: &str) -> Result<String, Error> {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let configuration = self
            .get(&format!("{base}/.well-known/openid-configuration"))
            .await?;
        let text = |field: &str| configuration.get(field).and_then(Value::as_str);
        // Section 4.3: otherwise one issuer's document could vouch for another's tokens.
        if text("issuer") != Some(issuer) {
            let named = text("issuer")
                .map_or_else(|| "none".to_owned(), |text| format!("'{}'", echo(text)));
            return Err(unavailable(&format!(
                "the issuer's OpenID configuration names a different issuer, {named}; a trust's 'issuer' must be written exactly as there, and as in the token's 'iss'"
            )));
        }
        let url = text("jwks_uri")
            .ok_or_else(|| unavailable("the issuer's OpenID configuration has no 'jwks_uri'"))?;
        Ok(url.to_owned())
    }

    async fn get(&self, url: &str) -> Result<Value, Error> {
        let url = Url::parse(url)
            .map_err(|error| unavailable("the issuer's key set has no valid URL").source(error))?;
        let fetched = self.trusts.published(self.tenant, &url).await;
        fetched.map_err(|error| {
            let text = match error.kind {
                Kind::TooLarge => {
                    "the issuer's key set, or its OpenID configuration, is too large to be read; have the issuer remove keys that are no longer used"
                }
                Kind::Unavailable => "the issuer's key set cannot be fetched right now",
                _ => "the issuer's key set cannot be fetched as the trust is now",
            };
            unavailable(text).source(error)
        })
    }
}

pub(super) fn unavailable(message: &str) -> Error {
    Error::unavailable("key_set_unavailable", message)
}
