//! One public key of an issuer, and the only algorithm that it may be used with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::json;
use fluxgate_core::tenant::{Trust, rsa_key};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::refusal::Refusal;
use super::token::Token;

/// The maximum that aws-lc verifies; larger keys would only cost time.
const RSA_BITS_MAX: usize = 8192;
const P256_COORDINATE_BYTES: usize = 32;
const ED25519_BYTES: usize = 32;

pub(super) struct Key {
    pub(super) kid: Option<String>,
    /// Determined by the key itself: a token cannot choose to have an RSA key interpreted as an
    /// HMAC secret (RFC 8725, section 3.1).
    pub(super) algorithm: Algorithm,
    public: DecodingKey,
}

/// The parts of RFC 7517 and 7518 that concern signatures.
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
    /// `None` for an unusable key: another algorithm, for encryption, weak, or malformed.
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

    /// Signature, algorithm, issuer and audience, in this order, by jsonwebtoken. Times are not its
    /// business: it goes by the machine's clock, and [`Claims::check`] by ours.
    ///
    /// [`Claims::check`]: super::claims::Claims::check
    pub(super) fn verify(&self, token: &Token<'_>, trust: &Trust) -> Result<(), Refusal> {
        let mut validation = Validation::new(self.algorithm);
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.set_issuer(&[&trust.issuer]);
        validation.set_audience(&[&trust.audience]);
        validation.validate_exp = false;
        match decode::<IgnoredAny>(token.text, &self.public, &validation) {
            Ok(_) => Ok(()),
            Err(error) => Err(refusal(error.kind())),
        }
    }
}

/// Whatever is wrong with a signature is one refusal.
fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Refusal::Audience,
        // The signature was good, and the header read before.
        ErrorKind::Json(_) => Refusal::Claims(
            "a claim of the token has another type than RFC 7519 gives it; 'exp' and 'nbf' must be numbers",
        ),
        _ => Refusal::Signature,
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
    // With an exponent of one, every padded text would be its own signature. aws-lc checks the
    // other exponents.
    let sound = rsa_key::weakness(&n).is_none()
        && rsa_key::bits(&n) <= RSA_BITS_MAX
        && !e.is_empty()
        && e != [1];
    sound.then(|| DecodingKey::from_rsa_raw_components(&n, &e))
}

fn p256(jwk: &Jwk) -> Option<DecodingKey> {
    let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
    let sized = x.len() == P256_COORDINATE_BYTES && y.len() == P256_COORDINATE_BYTES;
    // SEC 1, section 2.3.3: an uncompressed point. Whether it is on the curve is checked with each
    // signature.
    sized.then(|| DecodingKey::from_ec_der(&[&[4], x.as_slice(), y.as_slice()].concat()))
}

fn ed25519(jwk: &Jwk) -> Option<DecodingKey> {
    let x = bytes(&jwk.x)?;
    (x.len() == ED25519_BYTES).then(|| DecodingKey::from_ed_der(&x))
}

/// Big-endian. Some issuers prepend zeros, which RFC 7518 forbids and aws-lc rejects.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
