//! One public key of an issuer, and the only algorithm it may be used with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::json;
use fluxgate_core::tenant::rsa_key;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::token::Token;

/// What aws-lc verifies at most; longer ones would only cost time.
const RSA_BITS_MAX: usize = 8192;
const P256_COORDINATE_BYTES: usize = 32;
const ED25519_BYTES: usize = 32;

pub(super) struct Key {
    pub(super) kid: Option<String>,
    /// Pinned by the key's own type: a token cannot choose to have an RSA key read as an HMAC
    /// secret (RFC 8725, section 3.1).
    pub(super) algorithm: Algorithm,
    public: DecodingKey,
}

/// RFC 7517 and 7518, as far as signatures go.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl Key {
    /// `None` when the key is of no use here: another algorithm, for encryption, weak, or
    /// unreadable.
    pub(super) fn from_jwk(value: &Value) -> Option<Self> {
        let jwk: Jwk = json::of(value.clone()).ok()?;
        let (algorithm, name, public) = match (jwk.kty.as_str(), jwk.crv.as_str()) {
            ("RSA", _) => (Algorithm::RS256, "RS256", rsa(&jwk)?),
            ("EC", "P-256") => (Algorithm::ES256, "ES256", p256(&jwk)?),
            ("OKP", "Ed25519") => (Algorithm::EdDSA, "EdDSA", ed25519(&jwk)?),
            _ => return None,
        };
        jwk.verifies(name).then_some(Self {
            kid: jwk.kid,
            algorithm,
            public,
        })
    }

    /// One refusal, whatever was wrong.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), Refusal> {
        match verify(
            token.signature,
            token.signed.as_bytes(),
            &self.public,
            self.algorithm,
        ) {
            Ok(true) => Ok(()),
            _ => Err(Refusal::Signature),
        }
    }
}

impl Jwk {
    fn verifies(&self, algorithm: &str) -> bool {
        self.alg.as_deref().is_none_or(|alg| alg == algorithm)
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self
                .key_ops
                .as_ref()
                .is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
    }
}

fn rsa(jwk: &Jwk) -> Option<DecodingKey> {
    let (n, e) = (number(&jwk.n)?, number(&jwk.e)?);
    // An exponent of one makes every padded text its own signature. Which others are sound, aws-lc
    // decides.
    let sound = rsa_key::weakness(&n).is_none()
        && rsa_key::bits(&n) <= RSA_BITS_MAX
        && !e.is_empty()
        && e != [1];
    sound.then(|| DecodingKey::from_rsa_raw_components(&n, &e))
}

fn p256(jwk: &Jwk) -> Option<DecodingKey> {
    let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
    let sized = x.len() == P256_COORDINATE_BYTES && y.len() == P256_COORDINATE_BYTES;
    // SEC 1, section 2.3.3: an uncompressed point. That it lies on the curve is checked with each
    // signature.
    sized.then(|| DecodingKey::from_ec_der(&[&[4], x.as_slice(), y.as_slice()].concat()))
}

fn ed25519(jwk: &Jwk) -> Option<DecodingKey> {
    let x = bytes(&jwk.x)?;
    (x.len() == ED25519_BYTES).then(|| DecodingKey::from_ed_der(&x))
}

/// Big-endian. Some issuers put zeros before it, which RFC 7518 forbids and aws-lc refuses.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
