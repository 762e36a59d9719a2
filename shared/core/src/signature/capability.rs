//! The token in the path of a task's webhook URL: whoever calls it was given it by our own submit.

use aws_lc_rs::hmac;

use crate::id::{TaskId, TenantId};

/// Makes and checks capability tokens.
pub struct CapabilityKey(hmac::Key);

impl CapabilityKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// 32 lower-case hex characters: the first 128 bits of the HMAC.
    pub fn token(&self, tenant: &TenantId, task: &TaskId) -> String {
        let tag = hmac::sign(&self.0, message(tenant, task).as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    pub fn verify(&self, tenant: &TenantId, task: &TaskId, token: &str) -> bool {
        let expected = self.token(tenant, task);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
    }

    /// The path under the public URL at which upstream tells the end of this task.
    pub fn hook_path(&self, tenant: &TenantId, task: &TaskId) -> String {
        format!("/hooks/{tenant}/{task}/{}", self.token(tenant, task))
    }
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
        let (acme, other) = (TenantId::parse("acme").unwrap(), TenantId::parse("other").unwrap());
        let (task, next) = (TaskId::parse(&"0".repeat(32)).unwrap(), TaskId::parse(&"1".repeat(32)).unwrap());

        let token = key.token(&acme, &task);

        assert!(key.verify(&acme, &task, &token));
        assert!(!key.verify(&other, &task, &token));
        assert!(!key.verify(&acme, &next, &token));
        assert!(!CapabilityKey::new([8; 32]).verify(&acme, &task, &token));
    }
}
