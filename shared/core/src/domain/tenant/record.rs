//! A tenant: whose tokens speak for it, and where its outputs go.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind, Result};
use crate::base::id::{AccountId, TenantId};
use crate::base::seal::Sealed;
use crate::base::time::Timestamp;
use crate::domain::money::PriceBook;
use crate::domain::tenant::{Limits, Scope};
use crate::domain::webhook::SigningSecret;

/// A customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub created_at: Timestamp,
    pub state: TenantState,
    pub trust: Vec<Trust>,
    pub destination: Destination,
    /// Signs the drop-in callbacks in the provider's `v3` dialect.
    pub webhook_secret: Sealed,
    /// Those of before, which sign as well until their overlap is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook_secrets_before: Vec<SigningSecret>,
    /// Counts the changes; the store writes one only over the version it was made from. 1 for a new
    /// tenant.
    #[serde(default = "first_version")]
    pub version: u64,
    #[serde(default)]
    pub prices: PriceBook,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub unarchived: UnarchivedOutputs,
}

/// What happens to a finished run if the tenant's own side (bucket, policy, key, role) keeps its
/// outputs out of the bucket until the time limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnarchivedOutputs {
    /// The task completes with the provider's links and is charged, since the run was made.
    #[default]
    Charge,
    /// The task fails and the hold is released: the operator bears the cost of the run.
    Release,
}

impl UnarchivedOutputs {
    /// Fails with kind `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "charge" => Ok(Self::Charge),
            "release" => Ok(Self::Release),
            _ => Err(
                Error::invalid("invalid_parameter", "must be 'charge' or 'release'")
                    .field("unarchived"),
            ),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Release => "release",
        }
    }
}

fn first_version() -> u64 {
    1
}

impl Tenant {
    /// Kind `Forbidden`, code `tenant_suspended`, for a tenant that may not start anything new.
    pub fn may_submit(&self) -> Result<()> {
        match self.state {
            TenantState::Active => Ok(()),
            TenantState::Suspended => {
                let text = "the tenant is suspended and may not start new work; ask the operator";
                Err(Error::new(Kind::Forbidden, "tenant_suspended", text))
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    Active,
    /// Reads still work and running tasks finish; nothing new may start.
    Suspended,
}

/// An issuer whose tokens speak for the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)] // a misspelt restriction would let in more than was meant
pub struct Trust {
    /// The token's `iss`, compared byte for byte.
    pub issuer: String,
    /// The value that the token's `aud` must contain.
    pub audience: String,
    pub keys: KeySource,
    /// Distinguishes several tenants of one issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimMatch>,
    /// What tokens may be used for; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ScopeMapping>,
}

impl Trust {
    /// Maximum length of an issuer. Tenants are looked up by it, and DynamoDB keys have at most
    /// 2,048 bytes.
    pub const ISSUER_BYTES_MAX: usize = 1_024;

    /// True if no token of the issuer can match both. The audience is not enough: a token may have
    /// several.
    pub fn told_apart(&self, other: &Self) -> bool {
        match (&self.claim, &other.claim) {
            (Some(one), Some(other)) => one.name == other.name && one.value != other.value,
            _ => false,
        }
    }

    /// Kind `Conflict` with code `issuer_ambiguous` if tokens of the issuer that match these trusts
    /// could also match one of the other tenants that already trust it.
    pub fn check_ambiguity(
        tenant: &TenantId,
        trusts: &[Self],
        issuer: &str,
        trusting: &[(TenantId, Self)],
    ) -> Result<()> {
        let mut own = trusts.iter().filter(|trust| trust.issuer == issuer);
        let other = own.find_map(|trust| {
            trusting
                .iter()
                .find(|(id, other)| id != tenant && !trust.told_apart(other))
        });
        let Some((other, _)) = other else {
            return Ok(());
        };
        let text = format!(
            "tokens of issuer '{issuer}' could also match tenant '{other}'; give both tenants a claim with different values"
        );
        Err(Error::new(Kind::Conflict, "issuer_ambiguous", text).field("trust"))
    }

    /// The distinct issuers of these trusts.
    pub fn issuers(trusts: &[Self]) -> BTreeSet<&str> {
        trusts.iter().map(|trust| trust.issuer.as_str()).collect()
    }
}

/// Reads a token's scopes from one of its claims: a list of words, or one space-separated string
/// (RFC 8693, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeMapping {
    /// Usually `scope`.
    pub claim: String,
    /// What each of the issuer's words allows. Unlisted words allow nothing.
    pub words: BTreeMap<String, BTreeSet<Scope>>,
}

/// A claim of the token that must have exactly this value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
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
    Jwks(serde_json::Value),
}

/// Where a tenant's outputs go: its bucket, and the role that may write to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub bucket: String,
    /// Without leading or trailing `/`; may be empty.
    pub prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AssumedRole>,
    /// The account that must own the bucket, so that nothing is written to a stranger's bucket of
    /// the same name; see [`Destination::owner`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_owner: Option<AccountId>,
}

/// A role in the tenant's AWS account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumedRole {
    pub arn: String,
    /// Generated by Fluxgate, never chosen by the tenant: it prevents one tenant from using
    /// another's role.
    pub external_id: String,
}

impl AssumedRole {
    /// The account in `arn:aws:iam::{account}:role/{name}`.
    pub fn account(&self) -> Option<AccountId> {
        self.arn
            .split(':')
            .nth(4)
            .and_then(|account| AccountId::parse(account).ok())
    }
}

impl Destination {
    /// The account that must own the bucket: as set, or else the role's own. `None` for any
    /// account.
    pub fn owner(&self) -> Option<AccountId> {
        self.bucket_owner
            .clone()
            .or_else(|| self.role.as_ref()?.account())
    }

    /// `{prefix}/{yyyy}/{mm}/{dd}/{task}/{n}.{ext}`.
    pub fn key(&self, created_at: Timestamp, task: &str, n: usize, extension: &str) -> String {
        let path = format!("{}/{task}/{n}.{extension}", created_at.date_path());
        if self.prefix.is_empty() {
            path
        } else {
            format!("{}/{path}", self.prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(arn: &str, bucket_owner: Option<&str>) -> Destination {
        let role = Some(AssumedRole {
            arn: arn.to_owned(),
            external_id: "e".to_owned(),
        });
        let bucket_owner = bucket_owner.map(|account| AccountId::parse(account).unwrap());
        Destination {
            bucket: "b".to_owned(),
            prefix: String::new(),
            role,
            bucket_owner,
        }
    }

    #[test]
    fn a_bucket_belongs_to_the_role_s_account_unless_another_is_set() {
        let arn = "arn:aws:iam::210987654321:role/flux/writer";

        assert_eq!(
            destination(arn, None).owner().unwrap().as_str(),
            "210987654321"
        );
        assert_eq!(
            destination(arn, Some("123456789012"))
                .owner()
                .unwrap()
                .as_str(),
            "123456789012"
        );
        assert_eq!(destination("writer", None).owner(), None);
    }

    #[test]
    fn tenants_of_one_issuer_are_told_apart_by_the_same_claim_with_other_values() {
        let trust = |claim: Option<&str>| Trust {
            issuer: "https://issuer.example".to_owned(),
            audience: "fluxgate".to_owned(),
            keys: KeySource::Oidc,
            scopes: None,
            claim: claim.map(|value| ClaimMatch {
                name: "org".to_owned(),
                value: value.to_owned(),
            }),
        };

        assert!(trust(Some("a")).told_apart(&trust(Some("b"))));
        assert!(!trust(Some("a")).told_apart(&trust(Some("a"))));
        assert!(!trust(None).told_apart(&trust(Some("a"))));
        assert!(!trust(None).told_apart(&trust(None)));
        let elsewhere = Trust {
            audience: "another".to_owned(),
            ..trust(None)
        };
        assert!(!trust(None).told_apart(&elsewhere));
    }

    #[test]
    fn a_destination_written_before_there_were_owners_is_read() {
        let destination: Destination =
            serde_json::from_str(r#"{"bucket":"b","prefix":""}"#).unwrap();

        assert_eq!(destination.bucket_owner, None);
        assert_eq!(
            serde_json::to_string(&destination).unwrap(),
            r#"{"bucket":"b","prefix":""}"#
        );
    }
}
