//! The token issuer of local mode: signs the tokens of `fluxgate token` and publishes the key that
//! verifies them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::digest::sha256;
use fluxgate_core::tenant::ClaimMatch;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

/// An Ed25519 key that signs tokens.
pub struct LocalIssuer {
    signing: EncodingKey,
    public: [u8; 32],
    kid: String,
}

/// The content of a token. Times are written in whole seconds.
#[derive(Debug, Clone)]
pub struct TokenClaims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    /// Identifies the tenant if several trust the issuer.
    pub claim: Option<ClaimMatch>,
    pub iat: Timestamp,
    pub nbf: Timestamp,
    pub exp: Timestamp,
    pub jti: String,
}

impl LocalIssuer {
    /// Generates a key, and returns the secret PKCS#8 document to store it in.
    pub fn generate() -> (Self, Vec<u8>) {
        let pair = Ed25519KeyPair::generate()
            .expect("aws-lc aborts the process if the system has no random bits");
        let document = pair
            .to_pkcs8v1()
            .expect("a key that was just generated can be serialized");
        (
            Self::new(&pair, document.as_ref()),
            document.as_ref().to_vec(),
        )
    }

    /// Fails with kind `Invalid` if the document is not an Ed25519 key.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|_| {
            Error::invalid(
                "invalid_signing_key",
                "the token signing key is not a PKCS#8 document of an Ed25519 key",
            )
        })?;
        Ok(Self::new(&pair, document))
    }

    /// The JWK set for a tenant's trust.
    pub fn jwks(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.public);
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}]})
    }

    /// Fails only with kind `Internal`: the key was parsed before.
    pub fn sign(&self, claims: &TokenClaims) -> Result<String> {
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, &claims.payload(), &self.signing).map_err(|error| {
            Error::internal("token_not_signed", "the token could not be signed").source(error)
        })
    }

    fn new(pair: &Ed25519KeyPair, document: &[u8]) -> Self {
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Self {
            signing: EncodingKey::from_ed_der(document),
            public,
            kid: thumbprint(&public),
        }
    }
}

impl TokenClaims {
    /// The tenant's claim comes first, so that it cannot override a registered claim.
    fn payload(&self) -> Map<String, Value> {
        let mut payload = Map::new();
        if let Some(claim) = &self.claim {
            payload.insert(claim.name.clone(), json!(claim.value));
        }
        let registered = [
            ("iss", json!(self.iss)),
            ("aud", json!(self.aud)),
            ("sub", json!(self.sub)),
            ("iat", json!(self.iat.seconds())),
            ("nbf", json!(self.nbf.seconds())),
            ("exp", json!(self.exp.seconds())),
            ("jti", json!(self.jti)),
        ];
        payload.extend(registered.map(|(name, value)| (name.to_owned(), value)));
        payload
    }
}

/// RFC 7638, with the members of RFC 8037, section 2, in this order and without spaces.
fn thumbprint(public: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}
