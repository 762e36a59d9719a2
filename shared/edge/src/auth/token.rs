//! Parses a token. Its content is not trusted before its signature is verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::json::{self, JsonBounds};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::algorithm::accepted;
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
        check_types(&header)?;
        Ok(Self {
            algorithm,
            kid,
            claims: Claims::new(object(payload)?),
            text,
        })
    }
}

/// RFC 7515, section 4.1. None of these is used: keys come from the trust alone.
fn check_types(header: &Map<String, Value>) -> Result<(), Refusal> {
    const TEXTS: [&str; 6] = ["typ", "cty", "jku", "x5u", "x5t", "x5t#S256"];
    let is = |name: &str, fits: fn(&Value) -> bool| {
        let value = header.get(name).filter(|value| !value.is_null());
        value.is_none_or(fits)
    };
    let is_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_string))
    };
    let fits = TEXTS.iter().all(|name| is(name, Value::is_string))
        && is("x5c", is_list)
        && is("jwk", Value::is_object);
    if fits {
        return Ok(());
    }
    Err(Refusal::Header(
        "the token's header has a parameter of another type than RFC 7515 gives it",
    ))
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
