//! Capability tokens in URLs: whoever calls a task's webhook URL must have got it from our own
//! submit.

use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;

/// Makes and checks capability tokens.
#[derive(Clone)]
pub struct CapabilityKey(Arc<hmac::Key>);

impl CapabilityKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// 32 lower-case hex characters: the first 128 bits of the HMAC.
    pub fn token(&self, tenant: &TenantId, task: &TaskId) -> String {
        let tag = hmac::sign(&self.0, message(tenant, task).as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    pub fn verify(&self, tenant: &TenantId, task: &TaskId, token: &str) -> bool {
        let expected = self.token(tenant, task);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes())
            .is_ok()
    }

    /// The path under the public URL at which the provider reports the end of this task.
    pub fn hook_path(&self, tenant: &TenantId, task: &TaskId) -> String {
        format!("/hooks/{tenant}/{task}/{}", self.token(tenant, task))
    }

    /// The path under the base URL that serves one output of a task until it expires.
    pub fn output_path(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        n: usize,
        expires: Timestamp,
    ) -> String {
        let token = self.output_token(&OutputLink {
            tenant,
            task,
            n,
            expires,
            token: "",
        });
        format!("/outputs/{tenant}/{task}/{n}/{}/{token}", expires.0)
    }

    /// True for a link from [`Self::output_path`], expired or not.
    pub fn verify_output(&self, link: &OutputLink<'_>) -> bool {
        let expected = self.output_token(link);
        aws_lc_rs::constant_time::verify_slices_are_equal(
            expected.as_bytes(),
            link.token.as_bytes(),
        )
        .is_ok()
    }

    /// A text for the tenant to bring back as it is, such as a cursor.
    pub fn sealed(&self, tenant: &TenantId, text: &str) -> String {
        format!("{text}.{}", self.text_token(tenant, text))
    }

    /// The text of [`Self::sealed`]; `None` for one that was changed, or is another tenant's.
    pub fn unsealed<'a>(&self, tenant: &TenantId, sealed: &'a str) -> Option<&'a str> {
        let (text, token) = sealed.rsplit_once('.')?;
        let expected = self.text_token(tenant, text);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes())
            .ok()
            .map(|()| text)
    }

    fn text_token(&self, tenant: &TenantId, text: &str) -> String {
        let message = format!("fluxgate text capability 1/{tenant}/{text}");
        hex::encode(&hmac::sign(&self.0, message.as_bytes()).as_ref()[..16])
    }

    fn output_token(&self, link: &OutputLink<'_>) -> String {
        let OutputLink {
            tenant,
            task,
            n,
            expires,
            ..
        } = link;
        let message = format!(
            "fluxgate output capability 1/{tenant}/{task}/{n}/{}",
            expires.0
        );
        hex::encode(&hmac::sign(&self.0, message.as_bytes()).as_ref()[..16])
    }
}

/// The parts of an output link's path.
#[derive(Debug)]
pub struct OutputLink<'a> {
    pub tenant: &'a TenantId,
    pub task: &'a TaskId,
    /// Index of the output, from 0.
    pub n: usize,
    pub expires: Timestamp,
    pub token: &'a str,
}

fn message(tenant: &TenantId, task: &TaskId) -> String {
    format!("fluxgate webhook capability 1/{tenant}/{task}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_task_of_one_tenant() {
        let key = CapabilityKey::new([7; 32]);
        let (acme, other) = (
            TenantId::parse("acme").unwrap(),
            TenantId::parse("other").unwrap(),
        );
        let (task, next) = (
            TaskId::parse(&"0".repeat(32)).unwrap(),
            TaskId::parse(&"1".repeat(32)).unwrap(),
        );

        let token = key.token(&acme, &task);

        assert!(key.verify(&acme, &task, &token));
        assert!(!key.verify(&other, &task, &token));
        assert!(!key.verify(&acme, &next, &token));
        assert!(!CapabilityKey::new([8; 32]).verify(&acme, &task, &token));
    }

    #[test]
    fn a_sealed_text_comes_back_as_it_was_and_from_its_tenant_alone() {
        let key = CapabilityKey::new([7; 32]);
        let (acme, other) = (
            TenantId::parse("acme").unwrap(),
            TenantId::parse("other").unwrap(),
        );

        let sealed = key.sealed(&acme, "a.text");

        assert_eq!(key.unsealed(&acme, &sealed), Some("a.text"));
        assert_eq!(key.unsealed(&other, &sealed), None);
        assert_eq!(
            CapabilityKey::new([8; 32]).unsealed(&acme, &sealed),
            None,
            "another installation's"
        );
        let bent = sealed.replacen('a', "b", 1);
        for text in ["", ".", "a.text", "a.text.", bent.as_str()] {
            assert_eq!(key.unsealed(&acme, text), None, "{text}");
        }
    }

    #[test]
    fn a_link_opens_one_output_until_its_time_and_a_hook_s_token_opens_none() {
        let key = CapabilityKey::new([7; 32]);
        let (acme, task) = (
            TenantId::parse("acme").unwrap(),
            TaskId::parse(&"0".repeat(32)).unwrap(),
        );
        let path = key.output_path(&acme, &task, 0, Timestamp(5));
        let token = path.rsplit('/').next().unwrap();
        let link = |n, expires, token| OutputLink {
            tenant: &acme,
            task: &task,
            n,
            expires: Timestamp(expires),
            token,
        };

        assert!(key.verify_output(&link(0, 5, token)));
        assert!(!key.verify_output(&link(1, 5, token)));
        assert!(!key.verify_output(&link(0, 6, token)));
        assert!(!key.verify_output(&link(0, 5, &key.token(&acme, &task))));
    }
}
