//! Changing what an endpoint signs with, without one callback that its receiver cannot verify.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Endpoints;
use crate::app::vault::Belongs;
use crate::base::digest::sha256;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{EndpointId, TenantId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::webhook::{Endpoint, SECRETS_MAX, SigningKey, SigningSecret, standard};

/// The longest overlap of an old secret and a new one.
const OVERLAP_MAX_MS: u64 = 30 * 24 * 3_600_000;

/// How a rotation is to go.
#[derive(Debug, Default)]
pub struct Rotation {
    /// The new secret, `whsec_…`; without it one is made.
    pub secret: Option<Secret>,
    /// How long what signs now goes on signing beside the new. Zero revokes it at once.
    pub overlap_ms: u64,
}

impl Rotation {
    /// When the overlap is over. Kind `Invalid` for one that is too long.
    pub(crate) fn overlap_until(&self, now: Timestamp) -> Result<Timestamp> {
        overlap_until(now, self.overlap_ms)
    }
}

impl Endpoints {
    /// A new secret signs from now on, beside those of before until their overlap is over. It is
    /// answered here and never again.
    ///
    /// Kind `Invalid` for a secret or an overlap that cannot be; kind `Conflict` with code
    /// `too_many_secrets` while too many overlap.
    pub async fn rotate_secret(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        rotation: Rotation,
    ) -> Result<(Endpoint, Secret)> {
        let until = rotation.overlap_until(self.context.now())?;
        let secret = self.secret_or_fresh(rotation.secret)?;
        let new = self.sealed_secret(tenant, id, &secret).await?;
        let rotated = self
            .writes
            .update(tenant, id, |before| {
                let mut endpoint = before.clone();
                let now = self.context.now();
                endpoint.secrets.retain(|secret| secret.is_valid(now));
                for secret in &mut endpoint.secrets {
                    secret.expire_by(until);
                }
                endpoint.secrets.retain(|secret| secret.is_valid(now));
                endpoint.secrets.insert(0, new.clone());
                refuse_too_many(endpoint.secrets.len())?;
                Ok(endpoint)
            })
            .await?;
        Ok((rotated, secret))
    }

    /// The same of the key whose public half is published.
    ///
    /// Kind `Conflict` with code `no_signing_key` for an endpoint that does not sign by `v1a`.
    pub async fn rotate_key(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        overlap_ms: u64,
    ) -> Result<Endpoint> {
        let until = overlap_until(self.context.now(), overlap_ms)?;
        let new = self.fresh_key(tenant, id).await?;
        self.writes
            .update(tenant, id, |before| {
                if !before.signatures.has_v1a() {
                    let text = "the endpoint does not sign by v1a; set 'signatures' to it first";
                    return Err(Error::new(Kind::Conflict, "no_signing_key", text));
                }
                let mut endpoint = before.clone();
                let now = self.context.now();
                for key in &mut endpoint.signing_keys {
                    key.expires_at = Some(key.expires_at.map_or(until, |at| at.min(until)));
                }
                endpoint.signing_keys.retain(|key| key.is_valid(now));
                endpoint.signing_keys.insert(0, new.clone());
                refuse_too_many(endpoint.signing_keys.len())?;
                Ok(endpoint)
            })
            .await
    }

    pub(super) fn secret_or_fresh(&self, secret: Option<Secret>) -> Result<Secret> {
        if let Some(secret) = secret {
            standard::check_secret(&secret)?;
            return Ok(secret);
        }
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        Ok(Secret::webhook(random))
    }

    pub(super) async fn sealed_secret(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        secret: &Secret,
    ) -> Result<SigningSecret> {
        let belongs = Belongs::EndpointSecret(id);
        Ok(SigningSecret {
            sealed: self.callbacks.vault().seal(tenant, belongs, secret).await?,
            expires_at: None,
        })
    }

    pub(super) async fn fresh_key(&self, tenant: &TenantId, id: &EndpointId) -> Result<SigningKey> {
        let mut seed = [0; 32];
        self.context.entropy.fill(&mut seed);
        let (secret, public) = standard::signing_key(seed);
        let belongs = Belongs::EndpointKey(id);
        let public = URL_SAFE_NO_PAD.encode(public);
        Ok(SigningKey {
            kid: thumbprint(&public),
            public,
            sealed: self
                .callbacks
                .vault()
                .seal(tenant, belongs, &secret)
                .await?,
            expires_at: None,
        })
    }
}

fn overlap_until(now: Timestamp, overlap_ms: u64) -> Result<Timestamp> {
    if overlap_ms > OVERLAP_MAX_MS {
        let text = "'overlap_s' is at most 2592000, which is 30 days";
        return Err(Error::invalid("invalid_parameter", text).field("overlap_s"));
    }
    Ok(now.plus_ms(overlap_ms))
}

fn refuse_too_many(count: usize) -> Result<()> {
    if count <= SECRETS_MAX {
        return Ok(());
    }
    let text = format!(
        "{SECRETS_MAX} secrets sign already; wait until an overlap is over, or rotate with overlap_s 0"
    );
    Err(Error::new(Kind::Conflict, "too_many_secrets", text))
}

/// RFC 7638: the digest of the required members in the order of their names.
fn thumbprint(public: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}
