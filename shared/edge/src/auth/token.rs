//! Parses a token. Its content is not trusted before its signature is verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::json::{self, JsonBounds};
use jsonwebtoken::{Algorithm, decode_header};
use serde_json::{Map, Value};

use super::claims::Claims;
use super::refusal::Refusal;

/// A JWS in its compact form (RFC 7515, section 3.1).
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) claims: Claims,
    /// As it came.
    pub(super) text: &'a str,
}

impl<'a> Token<'a> {
    /// Checks the algorithm first, so that `none` and symmetric algorithms never get near a key or
    /// a tenant.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (signed, _) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        // A fourth part would leave a dot in the payload, which is no base64url.
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header = object(header)?;
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.ok_or(Refusal::Header(
            "the token's header must name its algorithm in the string 'alg'",
        ))?;
        let algorithm = accepted(algorithm).ok_or(Refusal::Algorithm)?;
        // 'crit' lists extensions that must be understood. None is supported here, and an empty or
        // null list is invalid (RFC 7515, section 4.1.11).
        if header.contains_key("crit") {
            let text = "the token's header has 'crit', but no JWS extensions are supported; issue the token without 'crit'";
            return Err(Refusal::Header(text));
        }
        let kid = kid(&header)?;
        decode_header(text).map_err(|_| {
            Refusal::Header(
                "the token's header has a parameter of another type than RFC 7515 gives it",
            )
        })?;
        Ok(Self {
            algorithm,
            kid,
            claims: Claims::new(object(payload)?),
            text,
        })
    }
}

/// One algorithm per kind of key. ES384 and PS256 would be secure, but each additional algorithm is
/// another one to keep apart.
fn accepted(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

fn kid(header: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match header.get("kid") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(Refusal::Header("the token's 'kid' must be a string")),
    }
}

/// Rejects duplicate keys: of two claims with the same name, the issuer may have meant either.
fn object(part: &str) -> Result<Map<String, Value>, Refusal> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refusal::Malformed)?;
    match json::value(&bytes, JsonBounds::REQUEST) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refusal::Unreadable),
    }
}
