//! Where a tenant's outputs are to go: what its operator says is checked, the ExternalId is made
//! here.

use crate::base::error::{Error, Result};
use crate::base::id::AccountId;
use crate::domain::tenant::{AssumedRole, Destination};
use crate::port::Entropy;

/// What an operator says of a destination.
#[derive(Debug, Clone)]
pub struct NewDestination {
    pub bucket: String,
    /// Without leading or trailing `/`; may be empty.
    pub prefix: String,
    /// The AWS account that must own the bucket; a role's own account when left out.
    pub bucket_owner: Option<AccountId>,
    /// The role in the tenant's account that may write there; none for a bucket that this
    /// installation may write itself.
    pub role_arn: Option<String>,
}

impl NewDestination {
    /// The destination. A role that was there before keeps its ExternalId, which stands in the
    /// tenant's trust policy; another role gets one of its own.
    pub(super) fn made(
        self,
        before: Option<&Destination>,
        entropy: &dyn Entropy,
    ) -> Result<Destination> {
        self.check()?;
        let kept = |arn: &String| {
            before
                .and_then(|before| before.role.clone())
                .filter(|role| role.arn == *arn)
        };
        let role = self.role_arn.map(|arn| {
            kept(&arn).unwrap_or_else(|| AssumedRole {
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

    /// Names of S3's general purpose buckets, and key prefixes that stay inside them.
    fn check(&self) -> Result<()> {
        let bucket = (3..=63).contains(&self.bucket.len())
            && self
                .bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
            && self.bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self.bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !bucket {
            let text = "a bucket's name has 3 to 63 of a-z, 0-9, '-' and '.', beginning and ending with a letter or digit";
            return Err(Error::invalid("invalid_bucket", text).field("bucket"));
        }
        if self.prefix.len() > 256
            || !(self.prefix.is_empty() || self.prefix.split('/').all(is_segment))
        {
            let text = "a prefix has segments of letters, digits, '-', '_', '.' and '=' with '/' between, at most 256 in all";
            return Err(Error::invalid("invalid_prefix", text).field("prefix"));
        }
        match &self.role_arn {
            Some(arn) if !is_role_arn(arn) => {
                let text = "a role looks like arn:aws:iam::123456789012:role/fluxgate-outputs";
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
