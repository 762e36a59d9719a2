//! What no destination can have.

use url::Url;

use super::NewDestination;
use crate::base::error::{Error, Result};
use crate::base::id::AccountId;
use crate::domain::tenant::{KeyTemplate, OutputUrls, is_segment};

/// Objects of these classes must be restored before they can be read.
const UNREADABLE_CLASSES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];
const PREFIX_BYTES_MAX: usize = 256;
const KMS_KEY_BYTES_MAX: usize = 256;

impl NewDestination {
    pub(super) fn check(&self) -> Result<()> {
        check_bucket(&self.bucket)?;
        check_prefix(&self.prefix)?;
        if let Some(template) = &self.key_template {
            KeyTemplate::parse(template)?;
        }
        self.check_role()?;
        self.check_storage()?;
        if let OutputUrls::Cdn(url) = &self.outputs {
            check_cdn(url)?;
        }
        match &self.store {
            Some(store) => store.check(),
            None => Ok(()),
        }
    }

    fn check_role(&self) -> Result<()> {
        if self
            .role_arn
            .as_deref()
            .is_some_and(|arn| !is_role_arn(arn))
        {
            let text = "a role ARN must look like arn:aws:iam::123456789012:role/fluxgate-outputs";
            return Err(Error::invalid("invalid_role", text).field("role_arn"));
        }
        let Some(store) = &self.store else {
            return Ok(());
        };
        if self.role_arn.is_some() && (store.endpoint.is_some() || store.access_key_id.is_some()) {
            let text = "a role is for a bucket on AWS that is written without keys; leave out the role, or endpoint and keys";
            return Err(Error::invalid("invalid_role", text).field("role_arn"));
        }
        if self.bucket_owner.is_some() && store.endpoint.is_some() {
            let text = "only AWS checks who owns a bucket; leave out 'bucket_owner'";
            return Err(Error::invalid("invalid_parameter", text).field("bucket_owner"));
        }
        Ok(())
    }

    fn check_storage(&self) -> Result<()> {
        if let Some(class) = &self.storage_class {
            let is_name = (1..=32).contains(&class.len())
                && class
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            if !is_name || UNREADABLE_CLASSES.contains(&class.as_str()) {
                let text = "a storage class must be one whose objects can be read at once, such as STANDARD_IA or GLACIER_IR";
                return Err(Error::invalid("invalid_storage_class", text).field("storage_class"));
            }
        }
        let is_key = |key: &String| {
            (1..=KMS_KEY_BYTES_MAX).contains(&key.len())
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'_' | b'-'))
        };
        if self.kms_key.as_ref().is_some_and(|key| !is_key(key)) {
            let text = "a KMS key is its ARN, such as arn:aws:kms:eu-central-1:123456789012:key/…, or its id";
            return Err(Error::invalid("invalid_kms_key", text).field("kms_key"));
        }
        Ok(())
    }
}

/// S3's general purpose buckets.
fn check_bucket(bucket: &str) -> Result<()> {
    let is_name = (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
    if is_name {
        return Ok(());
    }
    let text = "a bucket name must have 3 to 63 characters of a-z, 0-9, '-' and '.', and begin and end with a letter or digit";
    Err(Error::invalid("invalid_bucket", text).field("bucket"))
}

fn check_prefix(prefix: &str) -> Result<()> {
    let fits = prefix.len() <= PREFIX_BYTES_MAX;
    if fits && (prefix.is_empty() || prefix.split('/').all(is_segment)) {
        return Ok(());
    }
    let text = "a prefix must consist of segments of letters, digits, '-', '_', '.' and '=', separated by '/', at most 256 characters in all";
    Err(Error::invalid("invalid_prefix", text).field("prefix"))
}

/// The key is appended to it.
fn check_cdn(text: &str) -> Result<()> {
    let url = Url::parse(text).ok().filter(|url| {
        url.scheme() == "https"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && text.len() <= 512
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.ends_with('/')
    });
    if url.is_some() {
        return Ok(());
    }
    let text = "must be an https URL without query, such as https://cdn.example.com/outputs, to which '/' and the key are appended";
    Err(Error::invalid("invalid_cdn_url", text).field("cdn_url"))
}

fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && AccountId::parse(account).is_ok() && role.len() > 5 && role.starts_with("role/"))
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
