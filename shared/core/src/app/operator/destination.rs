//! A tenant's destination: validates the operator's input and generates the ExternalId.

use crate::base::error::{Error, Result};
use crate::base::id::AccountId;
use crate::domain::tenant::{AssumedRole, Destination};
use crate::port::Entropy;

/// A destination as the operator describes it.
#[derive(Debug, Clone)]
pub struct NewDestination {
    pub bucket: String,
    /// Without leading or trailing `/`; may be empty.
    pub prefix: String,
    /// The AWS account that must own the bucket; by default the role's own account.
    pub bucket_owner: Option<AccountId>,
    /// The role in the tenant's account that may write to the bucket; `None` if this installation
    /// can write to it directly.
    pub role_arn: Option<String>,
}

impl NewDestination {
    /// Builds the destination. An unchanged role keeps its ExternalId, because the tenant's trust
    /// policy names it; a new role gets a new one.
    pub(super) fn made(
        self,
        before: Option<&Destination>,
        entropy: &dyn Entropy,
    ) -> Result<Destination> {
        self.check()?;
        let known_role = |arn: &String| {
            before
                .and_then(|before| before.role.clone())
                .filter(|role| role.arn == *arn)
        };
        let role = self.role_arn.map(|arn| {
            known_role(&arn).unwrap_or_else(|| AssumedRole {
                external_id: external_id(entropy),
                arn,
            })
        });
        Ok(Destination {
            bucket: self.bucket,
            prefix: self.prefix,
            role,
            bucket_owner: self.bucket_owner,
        })
    }

    /// Validates the bucket name (S3 general purpose buckets), the prefix and the role.
    fn check(&self) -> Result<()> {
        let bucket = (3..=63).contains(&self.bucket.len())
            && self
                .bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
            && self.bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self.bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !bucket {
            let text = "a bucket name must have 3 to 63 characters of a-z, 0-9, '-' and '.', and begin and end with a letter or digit";
            return Err(Error::invalid("invalid_bucket", text).field("bucket"));
        }
        if self.prefix.len() > 256
            || !(self.prefix.is_empty() || self.prefix.split('/').all(is_segment))
        {
            let text = "a prefix must consist of segments of letters, digits, '-', '_', '.' and '=', separated by '/', at most 256 characters in all";
            return Err(Error::invalid("invalid_prefix", text).field("prefix"));
        }
        match &self.role_arn {
            Some(arn) if !is_role_arn(arn) => {
                let text =
                    "a role ARN must look like arn:aws:iam::123456789012:role/fluxgate-outputs";
                Err(Error::invalid("invalid_role", text).field("role_arn"))
            }
            _ => Ok(()),
        }
    }
}

fn is_segment(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'='))
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

    #[test]
    fn only_roles_are_taken_for_roles() {
        assert!(is_role_arn("arn:aws:iam::123456789012:role/path/fluxgate"));
        assert!(is_role_arn("arn:aws-us-gov:iam::123456789012:role/x"));
        for arn in [
            "",
            "arn:aws:iam::12:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert!(!is_role_arn(arn), "{arn}");
        }
    }
}
