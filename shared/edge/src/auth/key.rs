//! One public key of an issuer, and the algorithms that it may be used with.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, ParsedPublicKey,
};
use fluxgate_core::json;
use fluxgate_core::tenant::{jwk, rsa_key};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{self, accepted};
use super::refusal::Refusal;
use super::token::Token;

/// The maximum that aws-lc verifies; larger keys would only cost time.
const RSA_BITS_MAX: usize = 8192;
const ED25519_BYTES: usize = 32;

pub(super) struct Key {
    pub(super) kid: Option<String>,
    /// Determined by the key itself: a token cannot choose to have an RSA key interpreted as an
    /// HMAC secret (RFC 8725, section 3.1). A key that names its `alg` verifies nothing else.
    pub(super) algorithms: &'static [Algorithm],
    public: DecodingKey,
}

/// A key that verifies nothing, and why. Completes a sentence that starts with "the key …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not meant for signatures.
    Elsewhere(String),
    /// It ought to be of use, and is not.
    Bad(String),
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
    pub(super) fn from_jwk(value: &Value) -> Result<Self, Unusable> {
        let jwk: Jwk = json::of(value.clone())
            .map_err(|_| bad("is malformed: it lacks 'kty', or a member has another type"))?;
        jwk.check_use()?;
        let (family, public): (&[Algorithm], _) = match (jwk.kty.as_str(), jwk.crv.as_str()) {
            ("RSA", _) => (&algorithm::RSA, rsa(&jwk)?),
            ("EC", "P-256") => (&algorithm::P256, ec(&jwk, &ECDSA_P256_SHA256_FIXED, 32)?),
            ("EC", "P-384") => (&algorithm::P384, ec(&jwk, &ECDSA_P384_SHA384_FIXED, 48)?),
            ("OKP", "Ed25519") => (&algorithm::ED25519, ed25519(&jwk)?),
            _ => {
                return Err(Unusable::Elsewhere(
                    "is of a kind that is not accepted".to_owned(),
                ));
            }
        };
        Ok(Self {
            algorithms: jwk.narrowed(family)?,
            kid: jwk.kid,
            public,
        })
    }

    pub(super) fn verifies(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// The signature alone. Whatever is wrong with one is one refusal.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), Refusal> {
        let (message, signature) = token.text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let verified = crypto::verify(signature, message.as_bytes(), &self.public, token.algorithm);
        match verified {
            Ok(true) if self.verifies(token.algorithm) => Ok(()),
            _ => Err(Refusal::Signature),
        }
    }
}

impl Unusable {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Elsewhere(text) | Self::Bad(text) => text,
        }
    }
}

impl Jwk {
    fn check_use(&self) -> Result<(), Unusable> {
        let verifies = |operations: &Vec<String>| operations.iter().any(|one| one == "verify");
        let is_for_signatures = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(verifies);
        if is_for_signatures {
            return Ok(());
        }
        Err(Unusable::Elsewhere(
            "is not for verifying signatures".to_owned(),
        ))
    }

    /// The algorithm that the key names, or all that its kind of key verifies.
    fn narrowed(&self, family: &'static [Algorithm]) -> Result<&'static [Algorithm], Unusable> {
        let Some(name) = self.alg.as_deref() else {
            return Ok(family);
        };
        let named = accepted(name).and_then(|named| family.iter().position(|one| *one == named));
        named.map(|at| &family[at..=at]).ok_or_else(|| {
            let text = "names an 'alg' that is not accepted for its kind of key";
            Unusable::Elsewhere(text.to_owned())
        })
    }
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, Unusable> {
    let numbers = jwk::number(&jwk.n).zip(jwk::number(&jwk.e));
    let (n, e) = numbers.ok_or_else(|| bad("is malformed: 'n' or 'e' is not base64url"))?;
    if let Some(weakness) = rsa_key::weakness(&n) {
        return Err(Unusable::Bad(weakness.text()));
    }
    if rsa_key::bits(&n) > RSA_BITS_MAX {
        return Err(bad("has more than 8192 bits"));
    }
    // With an exponent of one, every padded text would be its own signature. aws-lc checks the
    // other exponents.
    if e.is_empty() || e == [1] {
        return Err(bad("has an exponent that protects nothing"));
    }
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

/// SEC 1, section 2.3.3: an uncompressed point, which must be on the curve.
fn ec(
    jwk: &Jwk,
    curve: &'static EcdsaVerificationAlgorithm,
    size: usize,
) -> Result<DecodingKey, Unusable> {
    let numbers = jwk::number_of(&jwk.x, size).zip(jwk::number_of(&jwk.y, size));
    let (x, y) = numbers
        .ok_or_else(|| bad("is malformed: 'x' or 'y' is no base64url number of its curve"))?;
    let point = [vec![4], x, y].concat();
    match ParsedPublicKey::new(curve, &point) {
        Ok(_) => Ok(DecodingKey::from_ec_der(&point)),
        Err(_) => Err(bad("is not a point of its curve")),
    }
}

/// RFC 8032: not a number, so that no zeros may be added or left out.
fn ed25519(jwk: &Jwk) -> Result<DecodingKey, Unusable> {
    match jwk::bytes(&jwk.x) {
        Some(x) if x.len() == ED25519_BYTES => Ok(DecodingKey::from_ed_der(&x)),
        _ => Err(bad("is malformed: 'x' is not base64url of 32 bytes")),
    }
}

fn bad(text: &str) -> Unusable {
    Unusable::Bad(text.to_owned())
}
