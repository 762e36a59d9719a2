//! Making a tenant: what its operator says is checked, what must be secret is made here.

use std::collections::HashSet;

use super::Fluxgate;
use crate::error::{Error, Kind, Result};
use crate::id::{AccountId, TenantId};
use crate::money::{Account, MicroUsd, PriceBook};
use crate::port::Entropy;
use crate::signature::Secret;
use crate::tenant::{AssumedRole, Destination, KeySource, Tenant, TenantState, Trust};

/// What an operator says of a new tenant.
#[derive(Debug)]
pub struct NewTenant {
    pub id: TenantId,
    pub trust: Vec<Trust>,
    pub bucket: String,
    /// Without leading or trailing `/`; may be empty.
    pub prefix: String,
    /// The AWS account that must own the bucket; a role's own account when left out.
    pub bucket_owner: Option<AccountId>,
    /// The role in the tenant's account that may write there; none for a bucket that this installation may write itself.
    pub role_arn: Option<String>,
}

/// Trusts of one tenant.
const TRUSTS_MAX: usize = 16;

impl Fluxgate {
    /// Creates a tenant with a webhook secret and, when it names a role, an ExternalId of its own.
    ///
    /// Kind `Invalid`, naming the field, for what cannot work; kind `Conflict` for a name that is taken (`tenant_exists`) and
    /// for an issuer whose tokens could mean another tenant as well (`issuer_ambiguous`). Nothing is written then.
    pub async fn onboard(&self, new: NewTenant) -> Result<Tenant> {
        check_destination(&new)?;
        self.check_trust(&new).await?;
        let role = new.role_arn.map(|arn| AssumedRole { arn, external_id: external_id(&*self.ports.entropy) });
        let mut random = [0; 32];
        self.ports.entropy.fill(&mut random);
        let tenant = Tenant {
            id: new.id,
            created_at: self.now(),
            state: TenantState::Active,
            trust: new.trust,
            destination: Destination { bucket: new.bucket, prefix: new.prefix, bucket_owner: new.bucket_owner, role },
            webhook_secret: Secret::webhook(random),
            version: 1,
            prices: PriceBook::default(),
        };
        self.ports.tenants.create(&tenant).await?;
        Ok(tenant)
    }

    /// Adds money to an account of a tenant that exists. The same reference again adds nothing.
    pub async fn top_up(&self, tenant: &TenantId, amount: MicroUsd, reference: &str) -> Result<Account> {
        self.ports.tenants.get(tenant).await?;
        if reference.is_empty() || reference.len() > REFERENCE_BYTES_MAX {
            let text = format!("a reference has 1 to {REFERENCE_BYTES_MAX} characters; use the number of your invoice");
            return Err(Error::invalid("invalid_reference", text).field("reference"));
        }
        self.ports.accounts.top_up(tenant, amount, reference, self.now()).await
    }

    async fn check_trust(&self, new: &NewTenant) -> Result<()> {
        if new.trust.is_empty() || new.trust.len() > TRUSTS_MAX {
            let text = format!("name 1 to {TRUSTS_MAX} issuers whose tokens speak for the tenant");
            return Err(Error::invalid("invalid_trust", text).field("trust"));
        }
        for trust in &new.trust {
            check_issuer(trust)?;
            let others = self.ports.tenants.trusting(&trust.issuer).await?;
            let clash = others.iter().find(|(id, other)| *id != new.id && !told_apart(trust, other));
            if let Some((other, _)) = clash {
                let text = format!(
                    "tokens of issuer '{}' could speak for tenant '{other}' as well; give both a claim with different values",
                    trust.issuer
                );
                return Err(Error::new(Kind::Conflict, "issuer_ambiguous", text).field("trust"));
            }
        }
        let distinct: HashSet<_> = new.trust.iter().map(|trust| (&trust.issuer, &trust.audience)).collect();
        if distinct.len() < new.trust.len() {
            return Err(Error::invalid("invalid_trust", "an issuer and audience are named twice").field("trust"));
        }
        Ok(())
    }
}

/// An operator's reference for a top-up.
const REFERENCE_BYTES_MAX: usize = 128;

/// True when no token can match both.
fn told_apart(one: &Trust, other: &Trust) -> bool {
    match (&one.claim, &other.claim) {
        (Some(one), Some(other)) => one.name == other.name && one.value != other.value,
        _ => one.audience != other.audience,
    }
}

fn check_issuer(trust: &Trust) -> Result<()> {
    let bad = |text: &str| Err(Error::invalid("invalid_trust", text).field("trust"));
    if trust.issuer.is_empty() || trust.audience.is_empty() {
        return bad("a trust names an issuer and an audience");
    }
    match &trust.keys {
        KeySource::Oidc if !trust.issuer.starts_with("https://") && !trust.issuer.starts_with("http://") => {
            bad("an issuer that is no URL cannot be asked for its keys; name a jwks_url or give the jwks")
        }
        KeySource::JwksUrl(url) if url::Url::parse(url).is_err() => bad("the jwks_url is no absolute URL"),
        KeySource::Jwks(set) if !set.get("keys").is_some_and(serde_json::Value::is_array) => {
            bad("the jwks is no key set: it has no array 'keys' (RFC 7517)")
        }
        _ => Ok(()),
    }
}

/// Names of S3's general purpose buckets, and key prefixes that stay inside them.
fn check_destination(new: &NewTenant) -> Result<()> {
    let bucket = (3..=63).contains(&new.bucket.len())
        && new.bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && new.bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && new.bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !bucket {
        let text = "a bucket's name has 3 to 63 of a-z, 0-9, '-' and '.', beginning and ending with a letter or digit";
        return Err(Error::invalid("invalid_bucket", text).field("bucket"));
    }
    let segment = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'='))
    };
    if new.prefix.len() > 256 || !(new.prefix.is_empty() || new.prefix.split('/').all(segment)) {
        let text =
            "a prefix has segments of letters, digits, '-', '_', '.' and '=' with '/' between, at most 256 in all";
        return Err(Error::invalid("invalid_prefix", text).field("prefix"));
    }
    match &new.role_arn {
        Some(arn) if !is_role_arn(arn) => {
            let text = "a role looks like arn:aws:iam::123456789012:role/fluxgate-outputs";
            Err(Error::invalid("invalid_role", text).field("role_arn"))
        }
        _ => Ok(()),
    }
}

fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && AccountId::parse(account).is_ok() && role.len() > 5 && role.starts_with("role/"))
}

fn external_id(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    format!("fluxgate-{}", hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::ClaimMatch;

    fn trust(claim: Option<&str>) -> Trust {
        Trust {
            issuer: "https://issuer.example".to_owned(),
            audience: "fluxgate".to_owned(),
            keys: KeySource::Oidc,
            scopes: None,
            claim: claim.map(|value| ClaimMatch { name: "org".to_owned(), value: value.to_owned() }),
        }
    }

    #[test]
    fn tenants_of_one_issuer_are_told_apart_by_the_same_claim_with_other_values() {
        assert!(told_apart(&trust(Some("a")), &trust(Some("b"))));
        assert!(!told_apart(&trust(Some("a")), &trust(Some("a"))));
        assert!(!told_apart(&trust(None), &trust(Some("a"))));
        assert!(!told_apart(&trust(None), &trust(None)));
    }

    #[test]
    fn only_roles_are_taken_for_roles() {
        assert!(is_role_arn("arn:aws:iam::123456789012:role/path/fluxgate"));
        assert!(is_role_arn("arn:aws-us-gov:iam::123456789012:role/x"));
        for arn in ["", "arn:aws:iam::12:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/"]
        {
            assert!(!is_role_arn(arn), "{arn}");
        }
    }
}
