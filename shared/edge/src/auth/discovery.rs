//! Where an issuer's keys are: given, at a URL, or named by its OpenID configuration.

use async_trait::async_trait;
use fluxgate_core::Error;
use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::KeySource;
use serde_json::Value;
use url::Url;

use super::key_set::KeySet;
use super::trust_cache::Trusted;

/// Fetches JSON through the guarded client.
#[async_trait]
pub trait KeySetFetcher: Send + Sync {
    /// The body of a 200. Bounds the time and the size itself, follows no redirect, and decides
    /// which schemes and addresses are allowed. Any error means that the document cannot be had
    /// now. The name is looked up at the tenant's expense.
    async fn get_json(&self, tenant: &TenantId, url: &Url) -> fluxgate_core::Result<Value>;
}

/// Reads a trust's keys. Fails with kind `Unavailable` and code `key_set_unavailable`.
pub(super) async fn key_set(
    fetcher: &dyn KeySetFetcher,
    trusted: &Trusted,
    keys_max: usize,
) -> Result<KeySet, Error> {
    let issuer = Issuer {
        fetcher,
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

/// Where a trust's keys come from, asked for the tenant whose trust it is.
struct Issuer<'a> {
    fetcher: &'a dyn KeySetFetcher,
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
        // Section 4.3: else one issuer's document could vouch for the tokens of another.
        if text("issuer") != Some(issuer) {
            return Err(unavailable(
                "the issuer's OpenID configuration names another issuer",
            ));
        }
        let url = text("jwks_uri")
            .ok_or_else(|| unavailable("the issuer's OpenID configuration names no 'jwks_uri'"))?;
        Ok(url.to_owned())
    }

    async fn get(&self, url: &str) -> Result<Value, Error> {
        let url = Url::parse(url)
            .map_err(|error| unavailable("the issuer's key set has no valid URL").source(error))?;
        let fetched = self.fetcher.get_json(self.tenant, &url).await;
        fetched.map_err(|error| {
            unavailable("the issuer's key set cannot be fetched now; try again").source(error)
        })
    }
}

pub(super) fn unavailable(message: &str) -> Error {
    Error::unavailable("key_set_unavailable", message)
}
