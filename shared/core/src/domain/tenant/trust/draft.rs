//! A trust as an operator writes it: by a preset, in short forms, with defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};

use super::audience::{Audience, Written};
use super::claim_path::ClaimPath;
use super::preset::Preset;
use super::record::{KeySource, ScopeMapping, TenantClaim, Trust};
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::base::json::nullable;
use crate::domain::tenant::Scope;

/// Whose tokens speak for the tenant. What is given beside a preset takes the place of what the
/// preset says.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)] // a misspelt restriction would let in more than was meant
#[schema(as = NewTrust)]
pub struct TrustDraft {
    /// A well-known identity provider: `cognito:{pool}`, `auth0:{domain}`, `entra:{directory}`,
    /// `clerk:{domain}`, `supabase:{project}`, `firebase:{project}`, `keycloak:{realm URL}` or
    /// `google:{client}`.
    preset: Option<String>,
    /// The token's `iss`, compared byte for byte. A preset here is taken as one.
    issuer: Option<String>,
    /// Of these the token's audience must name one. `null` accepts any, and needs a claim.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Written>)]
    audience: Option<Written>,
    /// The claim that names the audience, if it is not `aud`: its name, or a JSON Pointer.
    audience_claim: Option<String>,
    /// `oidc` if left out.
    keys: Option<KeySource>,
    /// `null` for none where the preset has one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<ClaimDraft>)]
    claim: Option<Option<ClaimDraft>>,
    /// Short for `claim`: a JSON Pointer, or a claim's name.
    tenant_pointer: Option<String>,
    /// The tenant's id if left out.
    tenant_value: Option<String>,
    /// `null` for none where the preset has one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<ScopesDraft>)]
    scopes: Option<Option<ScopesDraft>>,
    /// Short for `scopes` without words.
    scopes_pointer: Option<String>,
}

/// A claim of the token that must say exactly this, alone or in a list.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTrustClaim)]
struct ClaimDraft {
    /// Its name, or a JSON Pointer if it begins with `/`.
    name: String,
    value: String,
}

#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTrustScopes)]
struct ScopesDraft {
    /// Its name, or a JSON Pointer if it begins with `/`.
    claim: String,
    /// What each of the issuer's words allows. If left out, a word allows the scope that it names.
    words: Option<BTreeMap<String, BTreeSet<Scope>>>,
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Written>, D::Error> {
    Written::deserialize(deserializer).map(Some)
}

impl TrustDraft {
    /// The trusts of the tenant. Kind `Invalid`, naming the field, for one that lacks something or
    /// says something that cannot be.
    pub fn complete_all(drafts: Vec<Self>, tenant: &TenantId) -> Result<Vec<Trust>> {
        let numbered = drafts.into_iter().enumerate();
        let completed = numbered.map(|(n, draft)| draft.complete(n, tenant));
        completed.collect()
    }

    /// The `n`th of a list.
    fn complete(mut self, n: usize, tenant: &TenantId) -> Result<Trust> {
        let named =
            |field: &'static str| move |error: Error| error.field(format!("trust[{n}].{field}"));
        let missing = |field: &str, why: &str| {
            let name = format!("trust[{n}].{field}");
            let text = format!("the request is missing the required field '{name}'{why}");
            Error::invalid("invalid_trust", text).field(name)
        };
        let preset = self.preset().map_err(named("preset"))?;
        let claim = self
            .claim(preset.as_ref(), tenant)
            .map_err(named("claim"))?;
        let scopes = self.scopes(preset.as_ref()).map_err(named("scopes"))?;
        let audience_claim = self
            .audience_claim
            .as_deref()
            .map(ClaimPath::parse)
            .transpose();
        let audience_claim = audience_claim.map_err(named("audience_claim"))?;
        let preset_claim = preset.as_ref().map(|preset| preset.audience_claim.clone());
        let audience = self.audience().map_err(named("audience"))?;
        let why = preset.as_ref().map_or(String::new(), |preset| {
            format!(
                ": for the preset '{}' it is {}",
                preset.name, preset.audience_hint
            )
        });
        let of_preset = preset.as_ref().and_then(|preset| preset.audience.clone());
        let issuer = self
            .issuer
            .or(preset.as_ref().map(|preset| preset.issuer.clone()));
        Ok(Trust {
            issuer: issuer.ok_or_else(|| missing("issuer", ""))?,
            audience: audience
                .or(of_preset)
                .ok_or_else(|| missing("audience", &why))?,
            audience_claim: audience_claim
                .or(preset_claim)
                .unwrap_or_else(|| ClaimPath::named("aud")),
            keys: self
                .keys
                .or(preset.map(|preset| preset.keys))
                .unwrap_or(KeySource::Oidc),
            claim,
            scopes,
        })
    }

    fn preset(&mut self) -> Result<Option<Preset>> {
        if self.preset.is_none() && self.issuer.as_deref().is_some_and(Preset::is_named_by) {
            self.preset = self.issuer.take();
        }
        self.preset.as_deref().map(Preset::parse).transpose()
    }

    fn audience(&self) -> Result<Option<Audience>> {
        match self.audience.clone() {
            Some(written) if !Audience::is_written_well(&written) => {
                let text = format!(
                    "an audience is text, a list of 1 to {} texts, or null for any",
                    Audience::VALUES_MAX
                );
                Err(invalid(&text))
            }
            written => Ok(written.map(Audience::from)),
        }
    }

    fn claim(&mut self, preset: Option<&Preset>, tenant: &TenantId) -> Result<Option<TenantClaim>> {
        let (pointer, value) = (self.tenant_pointer.take(), self.tenant_value.take());
        let claim = match self.claim.take() {
            Some(_) if pointer.is_some() || value.is_some() => {
                return Err(invalid(
                    "give 'claim', or 'tenant_pointer' and 'tenant_value'",
                ));
            }
            Some(None) => return Ok(None),
            Some(Some(ClaimDraft { name, value })) => Some((ClaimPath::parse(&name)?, Some(value))),
            None => pointer
                .as_deref()
                .map(ClaimPath::parse)
                .transpose()?
                .map(|path| (path, None)),
        };
        let of_preset = preset.map(|preset| (preset.tenant.clone(), preset.tenant_value.clone()));
        let Some((path, own)) = claim.or(of_preset) else {
            return match value {
                Some(_) => Err(invalid("'tenant_value' needs 'tenant_pointer'")),
                None => Ok(None),
            };
        };
        let value = value.or(own).unwrap_or_else(|| tenant.to_string());
        if value.is_empty() {
            return Err(invalid(
                "the claim that identifies the tenant needs a value",
            ));
        }
        Ok(Some(TenantClaim { path, value }))
    }

    fn scopes(&mut self, preset: Option<&Preset>) -> Result<Option<ScopeMapping>> {
        let given = match (self.scopes.take(), self.scopes_pointer.take()) {
            (Some(_), Some(_)) => return Err(invalid("give 'scopes' or 'scopes_pointer'")),
            (Some(None), None) => return Ok(None),
            (Some(Some(scopes)), None) => Some(scopes),
            (None, pointer) => pointer.map(|claim| ScopesDraft { claim, words: None }),
        };
        let Some(ScopesDraft { claim, words }) = given else {
            return Ok(preset.and_then(|preset| preset.scopes.clone()));
        };
        if words.as_ref().is_some_and(BTreeMap::is_empty) {
            let text = "scopes need at least one word; leave 'words' out to go by the scopes' names, or 'scopes' to allow everything";
            return Err(invalid(text));
        }
        Ok(Some(ScopeMapping {
            claim: ClaimPath::parse(&claim)?,
            words: words.unwrap_or_default(),
        }))
    }
}

fn invalid(text: &str) -> Error {
    Error::invalid("invalid_trust", text)
}
