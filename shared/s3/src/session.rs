//! What a session in a tenant's role is for: the policy that it is assumed with takes everything
//! else from the session, whatever the role allows.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>

use fluxgate_core::tenant::{AssumedRole, Destination};

/// What one operation does with objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    /// Also reads what lies at a key already, to compare it.
    Write,
    Remove,
}

/// The objects that one operation is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    access: Access,
    bucket: &'a str,
    /// With its `/`; empty for the whole bucket.
    prefix: &'a str,
}

impl<'a> Scope<'a> {
    /// The destination's objects, or the whole bucket for a key that was written under another
    /// prefix, before the destination was changed. So a tenant needs few sessions.
    pub(super) fn of(
        access: Access,
        destination: &'a Destination,
        bucket: &'a str,
        key: Option<&str>,
    ) -> Self {
        let prefix = destination.prefix.as_str();
        let is_under = |key: &str| {
            let rest = key.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        Self {
            access,
            bucket,
            prefix: match key.is_none_or(is_under) {
                true => prefix,
                false => "",
            },
        }
    }

    /// At most 2,048 characters, as STS asks for: a bucket's name and a prefix are short, and of
    /// characters that stand for themselves in JSON and in a policy.
    ///
    /// The objects may lie under a KMS key of the tenant's; S3 asks for it in the session's name.
    pub(super) fn policy(&self, role: &AssumedRole) -> String {
        let (objects, keys) = match self.access {
            Access::Read => (r#""s3:GetObject""#, r#""kms:Decrypt""#),
            Access::Write => (
                r#""s3:PutObject","s3:GetObject","s3:AbortMultipartUpload""#,
                r#""kms:GenerateDataKey","kms:Decrypt""#,
            ),
            Access::Remove => (r#""s3:DeleteObject""#, r#""kms:Decrypt""#),
        };
        let (partition, bucket) = (role.partition(), self.bucket);
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        let resource = format!("arn:{partition}:s3:::{bucket}/{}{slash}*", self.prefix);
        let via = r#"{"StringLike":{"kms:ViaService":"s3.*"}}"#;
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{objects}],"Resource":"{resource}"}},{{"Effect":"Allow","Action":[{keys}],"Resource":"*","Condition":{via}}}]}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// STS's limit; its packed form may have its own share of it.
    const POLICY_CHARACTERS_MAX: usize = 2_048;

    fn role(partition: &str) -> AssumedRole {
        AssumedRole {
            arn: format!("arn:{partition}:iam::210987654321:role/writer"),
            external_id: "e".to_owned(),
        }
    }

    fn destination(prefix: &str) -> Destination {
        Destination {
            bucket: "pictures".to_owned(),
            prefix: prefix.to_owned(),
            ..Destination::default()
        }
    }

    fn resource(prefix: &str, key: Option<&str>, partition: &str) -> String {
        let to = destination(prefix);
        let policy = Scope::of(Access::Read, &to, &to.bucket, key).policy(&role(partition));
        let rest = policy.split_once(r#""Resource":""#).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    #[test]
    fn a_session_reaches_the_destination_s_prefix_in_the_role_s_partition() {
        for (prefix, key, partition, expected) in [
            ("flux", None, "aws", "arn:aws:s3:::pictures/flux/*"),
            (
                "flux",
                Some("flux/a.png"),
                "aws-cn",
                "arn:aws-cn:s3:::pictures/flux/*",
            ),
            (
                "",
                Some("a.png"),
                "aws-us-gov",
                "arn:aws-us-gov:s3:::pictures/*",
            ),
            (
                "flux",
                Some("fluxed/a.png"),
                "aws",
                "arn:aws:s3:::pictures/*",
            ),
            (
                "flux",
                Some("earlier/a.png"),
                "aws",
                "arn:aws:s3:::pictures/*",
            ),
        ] {
            assert_eq!(resource(prefix, key, partition), expected, "{key:?}");
        }
    }

    #[test]
    fn the_longest_policy_is_one_that_sts_takes() {
        let to = Destination {
            bucket: "b".repeat(63),
            ..destination(&"p".repeat(256))
        };

        for access in [Access::Read, Access::Write, Access::Remove] {
            let policy = Scope::of(access, &to, &to.bucket, None).policy(&role("aws-us-gov"));

            assert!(policy.len() <= POLICY_CHARACTERS_MAX, "{}", policy.len());
        }
    }
}
