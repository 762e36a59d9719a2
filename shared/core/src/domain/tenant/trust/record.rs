//! A trust: an issuer whose tokens speak for a tenant, and what their claims must say.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::audience::{Audience, Written};
use super::claim_path::{ClaimPath, Unfit};
use super::scope_words;
use crate::domain::tenant::Scope;

/// An issuer whose tokens speak for the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)] // a misspelt restriction would let in more than was meant
pub struct Trust {
    /// The token's `iss`, compared byte for byte.
    pub issuer: String,
    /// Of these the token's audience must name one; `null` accepts any.
    #[schema(value_type = Written)]
    pub audience: Audience,
    /// The claim that names the audience, if it is not `aud`: its name, or a JSON Pointer if it
    /// begins with `/`.
    #[serde(default = "aud", skip_serializing_if = "is_aud")]
    #[schema(value_type = Option<String>)]
    pub audience_claim: ClaimPath,
    pub keys: KeySource,
    /// Distinguishes several tenants of one issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<TenantClaim>,
    /// What tokens may be used for. If absent everything but `keys`, unless the token's `scope` or
    /// `scp` has words that begin with `fluxgate/`, `fluxgate:` or `fluxgate.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ScopeMapping>,
}

/// A claim of the token that must say exactly this, alone or in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantClaim {
    /// Its name, or a JSON Pointer if it begins with `/`.
    #[serde(rename = "name")]
    #[schema(value_type = String)]
    pub path: ClaimPath,
    /// Text, or a whole number in digits.
    pub value: String,
}

/// Reads a token's scopes from one of its claims: a list of words, or one space-separated string
/// (RFC 8693, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeMapping {
    /// Its name, usually `scope`, or a JSON Pointer if it begins with `/`.
    #[schema(value_type = String)]
    pub claim: ClaimPath,
    /// What each of the issuer's words allows; unlisted words allow nothing. If absent, a word
    /// allows the scope that it names: `submit`, `fluxgate/submit`, `Images.Submit`,
    /// `submit:images`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, BTreeSet<Scope>>,
}

/// A claim with its value, as an issuer writes it into a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMatch {
    pub name: String,
    pub value: String,
}

/// Where an issuer's public keys come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// `{issuer}/.well-known/openid-configuration` names the key set.
    Oidc,
    /// The key set's URL.
    JwksUrl(String),
    /// The key set itself, RFC 7517.
    Jwks(Value),
}

impl Trust {
    /// Maximum length of an issuer. Tenants are looked up by it, and DynamoDB keys have at most
    /// 2,048 bytes.
    pub const ISSUER_BYTES_MAX: usize = 1_024;

    /// Trust in every token of the issuer for this audience.
    pub fn new(issuer: &str, audience: &str, keys: KeySource) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: Audience::one(audience),
            audience_claim: aud(),
            keys,
            claim: None,
            scopes: None,
        }
    }

    /// Only in tokens whose claim of this name has this value.
    #[must_use]
    pub fn for_claim(self, name: &str, value: &str) -> Self {
        let claim = TenantClaim {
            path: ClaimPath::named(name),
            value: value.to_owned(),
        };
        Self {
            claim: Some(claim),
            ..self
        }
    }

    /// Whether the claims are those of the trust's tenant.
    pub fn check_claim(&self, claims: &Map<String, Value>) -> Result<(), Unfit> {
        let check = |claim: &TenantClaim| claim.path.check(claims, &claim.value);
        self.claim.as_ref().map_or(Ok(()), check)
    }

    /// Whether the token is for one of the audiences. An audience is a string or a list of strings
    /// (RFC 7519, section 4.1.3); anything else beside the right one spoils it.
    pub fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Unfit> {
        if self.audience.is_any() {
            return Ok(());
        }
        let is_text = match self.audience_claim.find(claims) {
            None | Some(Value::Null) => return Err(Unfit::Missing),
            Some(Value::Array(list)) => list.iter().all(Value::is_string),
            Some(value) => value.is_string(),
        };
        if !is_text {
            return Err(Unfit::Kind("neither text nor a list of texts"));
        }
        let named = self.audience_claim.values(claims);
        let is_meant = named.iter().any(|one| self.audience.values().contains(one));
        if is_meant {
            Ok(())
        } else {
            Err(Unfit::Different)
        }
    }

    /// What the token may be used for.
    pub fn scopes_of(&self, claims: &Map<String, Value>) -> BTreeSet<Scope> {
        match &self.scopes {
            Some(mapping) => mapping.scopes_of(claims),
            None => scope_words::ours(claims).unwrap_or_else(|| Scope::UNMAPPED.into()),
        }
    }
}

impl ScopeMapping {
    /// A word allows the scope that it names.
    pub(super) fn by_name(claim: ClaimPath) -> Self {
        Self {
            claim,
            words: BTreeMap::new(),
        }
    }

    fn scopes_of(&self, claims: &Map<String, Value>) -> BTreeSet<Scope> {
        let words = scope_words::at(&self.claim, claims);
        if self.words.is_empty() {
            return words
                .iter()
                .filter_map(|word| scope_words::named(word))
                .collect();
        }
        words
            .iter()
            .filter_map(|word| self.words.get(word))
            .flatten()
            .copied()
            .collect()
    }
}

fn aud() -> ClaimPath {
    ClaimPath::named("aud")
}

fn is_aud(path: &ClaimPath) -> bool {
    *path == aud()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    /// As releases before audiences, pointers and default words wrote them.
    #[test]
    fn an_older_trust_is_read_and_written_as_it_was() {
        let older = json!({
            "issuer": "https://id.example", "audience": "fluxgate", "keys": "oidc",
            "claim": {"name": "org", "value": "a"},
            "scopes": {"claim": "scope", "words": {"w": ["submit"]}},
        });

        let trust: Trust = serde_json::from_value(older.clone()).unwrap();

        assert_eq!(serde_json::to_value(&trust).unwrap(), older);
        assert_eq!(
            trust.check_audience(&claims(&json!({"aud": "fluxgate"}))),
            Ok(())
        );
        assert_eq!(trust.check_claim(&claims(&json!({"org": "a"}))), Ok(()));
    }

    #[test]
    fn an_audience_may_be_in_another_claim_one_of_several_or_any() {
        let trust = |audience: Value, claim: Value| -> Trust {
            let trust = json!({
                "issuer": "i", "audience": audience, "audience_claim": claim, "keys": "oidc",
            });
            serde_json::from_value(trust).unwrap()
        };
        let azp = claims(&json!({"aud": "account", "azp": "app", "client_id": ["x", "y"]}));

        assert_eq!(
            trust(json!("app"), json!("azp")).check_audience(&azp),
            Ok(())
        );
        assert_eq!(
            trust(json!(["no", "account"]), json!("aud")).check_audience(&azp),
            Ok(())
        );
        assert_eq!(
            trust(json!("y"), json!("/client_id")).check_audience(&azp),
            Ok(())
        );
        assert_eq!(
            trust(json!(null), json!("aud")).check_audience(&azp),
            Ok(())
        );
        assert_eq!(
            trust(json!("app"), json!("aud")).check_audience(&azp),
            Err(Unfit::Different)
        );
        assert_eq!(
            trust(json!("app"), json!("cid")).check_audience(&azp),
            Err(Unfit::Missing)
        );
    }
}
