//! Capability tokens in URLs: whoever calls a task's webhook URL must have got it from our own
//! submit.

use aws_lc_rs::{constant_time, hmac};

use crate::base::digest::sha256;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::seal::KeyRing;
use crate::base::time::Timestamp;

/// Makes and checks capability tokens: with the first key, and with any of them.
pub struct CapabilityKeys(Vec<hmac::Key>);

/// How a key's text becomes its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// 64 hex characters are the bytes.
    Hex,
    /// The bytes are the text's SHA-256.
    Digest,
}

impl KeyForm {
    fn bytes(self, text: &str) -> Option<[u8; 32]> {
        match self {
            Self::Digest => Some(sha256(text.as_bytes())),
            Self::Hex => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).ok()?;
                Some(bytes)
            }
        }
    }
}

impl CapabilityKeys {
    /// One key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(vec![hmac::Key::new(hmac::HMAC_SHA256, &key)])
    }

    /// Those of a ring. Kind `Internal` with code `capability_keys_unreadable` for a text that has
    /// another form.
    pub fn of(ring: &KeyRing, form: KeyForm) -> Result<Self> {
        let keys = ring.texts().map(|text| {
            let bytes = form.bytes(text.expose()).ok_or_else(|| {
                let text = "a key that links are signed with is not of 64 hex characters";
                Error::internal("capability_keys_unreadable", text)
            })?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        });
        keys.collect::<Result<_>>().map(Self)
    }

    /// 32 lower-case hex characters: the first 128 bits of the HMAC.
    pub fn token(&self, tenant: &TenantId, task: &TaskId) -> String {
        self.signed(&message(tenant, task))
    }

    pub fn verify(&self, tenant: &TenantId, task: &TaskId, token: &str) -> bool {
        self.fits(&message(tenant, task), token)
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
        let link = OutputLink {
            tenant,
            task,
            n,
            expires,
            token: "",
        };
        let token = self.signed(&link.message());
        format!("/outputs/{tenant}/{task}/{n}/{}/{token}", expires.0)
    }

    /// True for a link from [`Self::output_path`], expired or not.
    pub fn verify_output(&self, link: &OutputLink<'_>) -> bool {
        self.fits(&link.message(), link.token)
    }

    /// A text for the tenant to bring back as it is, such as a cursor.
    pub fn sealed(&self, tenant: &TenantId, text: &str) -> String {
        format!("{text}.{}", self.signed(&text_message(tenant, text)))
    }

    /// The text of [`Self::sealed`]; `None` for one that was changed, or is another tenant's.
    pub fn unsealed<'a>(&self, tenant: &TenantId, sealed: &'a str) -> Option<&'a str> {
        let (text, token) = sealed.rsplit_once('.')?;
        self.fits(&text_message(tenant, text), token)
            .then_some(text)
    }

    fn signed(&self, message: &str) -> String {
        token_by(&self.0[0], message)
    }

    fn fits(&self, message: &str, token: &str) -> bool {
        let is_by = |key| {
            let expected = token_by(key, message);
            constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
        };
        self.0.iter().any(is_by)
    }
}

fn token_by(key: &hmac::Key, message: &str) -> String {
    hex::encode(&hmac::sign(key, message.as_bytes()).as_ref()[..16])
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

impl OutputLink<'_> {
    fn message(&self) -> String {
        let Self {
            tenant,
            task,
            n,
            expires,
            ..
        } = self;
        format!(
            "fluxgate output capability 1/{tenant}/{task}/{n}/{}",
            expires.0
        )
    }
}

fn text_message(tenant: &TenantId, text: &str) -> String {
    format!("fluxgate text capability 1/{tenant}/{text}")
}

fn message(tenant: &TenantId, task: &TaskId) -> String {
    format!("fluxgate webhook capability 1/{tenant}/{task}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_task_of_one_tenant() {
        let key = CapabilityKeys::new([7; 32]);
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
        assert!(!CapabilityKeys::new([8; 32]).verify(&acme, &task, &token));
    }

    #[test]
    fn a_sealed_text_comes_back_as_it_was_and_from_its_tenant_alone() {
        let key = CapabilityKeys::new([7; 32]);
        let (acme, other) = (
            TenantId::parse("acme").unwrap(),
            TenantId::parse("other").unwrap(),
        );

        let sealed = key.sealed(&acme, "a.text");

        assert_eq!(key.unsealed(&acme, &sealed), Some("a.text"));
        assert_eq!(key.unsealed(&other, &sealed), None);
        assert_eq!(
            CapabilityKeys::new([8; 32]).unsealed(&acme, &sealed),
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
        let key = CapabilityKeys::new([7; 32]);
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

    #[test]
    fn after_a_rotation_the_new_key_signs_and_what_the_old_one_signed_still_fits() {
        let (acme, task) = (
            TenantId::parse("acme").unwrap(),
            TaskId::parse(&"0".repeat(32)).unwrap(),
        );
        let ring = KeyRing::fresh([7; 32]);
        let rotated = ring.rotated([8; 32], Timestamp(0)).unwrap();
        let only_new = rotated.active_only().unwrap();
        let [before, after, last] =
            [&ring, &rotated, &only_new].map(|it| CapabilityKeys::of(it, KeyForm::Hex).unwrap());
        let (old, new) = (before.token(&acme, &task), after.token(&acme, &task));

        assert_eq!(old, CapabilityKeys::new([7; 32]).token(&acme, &task));
        assert!(after.verify(&acme, &task, &old) && after.verify(&acme, &task, &new));
        assert!(!before.verify(&acme, &task, &new));
        assert!(!last.verify(&acme, &task, &old) && last.verify(&acme, &task, &new));
        let digests = CapabilityKeys::of(&ring, KeyForm::Digest).unwrap();
        assert_ne!(digests.token(&acme, &task), old);
    }
}
