//! The public keys of an endpoint that signs by `v1a`, for whoever asks.

use serde_json::{Value, json};

use super::Endpoints;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{EndpointId, TenantId};

impl Endpoints {
    /// A JSON Web Key Set (RFC 7517, RFC 8037) of the keys that sign now, newest first.
    ///
    /// Kind `NotFound` for an endpoint that there is not and for one that has no key alike.
    pub async fn published_keys(&self, tenant: &TenantId, id: &EndpointId) -> Result<Value> {
        let unknown = || Error::not_found("there is no such key set");
        let endpoint = match self.context.endpoints().get_eventual(tenant, id).await {
            Err(error) if error.kind == Kind::NotFound => return Err(unknown()),
            found => found?,
        };
        let keys: Vec<Value> = endpoint
            .keys_at(self.context.now())
            .map(|key| {
                json!({
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "alg": "EdDSA",
                    "use": "sig",
                    "kid": key.kid,
                    "x": key.public,
                })
            })
            .collect();
        if keys.is_empty() {
            return Err(unknown());
        }
        Ok(json!({ "keys": keys }))
    }
}
