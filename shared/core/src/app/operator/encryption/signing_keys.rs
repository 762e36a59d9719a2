//! The private keys that API keys are signed with, where they are sealed.

use super::{EncryptionStatus, Operator, RotationStep};
use crate::base::error::{Reason, Result};
use crate::base::seal::KeyRing;
use crate::domain::tenant::Issuer;
use crate::port::errors::issuer_changed;

/// How often the record is read again that others change at the same time.
const TRIES: usize = 10;

impl Operator {
    pub(super) async fn count_signing_keys(
        &self,
        ring: &KeyRing,
        status: &mut EncryptionStatus,
    ) -> Result<()> {
        let issuer = self.context.api_keys().issuer().await?;
        let Some(sealed) = issuer.and_then(|issuer| issuer.signing_keys) else {
            return Ok(());
        };
        match sealed.key_id() {
            Some(id) if ring.has_key(id) => {
                *status.secrets.entry(id.to_owned()).or_default() += 1;
            }
            _ => status.lost_secrets += 1,
        }
        Ok(())
    }

    /// In each step of a rotation, so that none ends without it.
    pub(super) async fn reseal_signing_keys(
        &self,
        ring: &KeyRing,
        step: &mut RotationStep,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let Some(issuer) = self.context.api_keys().issuer().await? else {
                return Ok(());
            };
            let Some(sealed) = issuer.signing_keys.as_ref() else {
                return Ok(());
            };
            if ring.is_current(sealed) {
                return Ok(());
            }
            step.secrets += 1;
            let resealed = match self.vault.resealed_signing_keys(ring, sealed) {
                Ok(resealed) => resealed,
                Err(error) => {
                    let error = error.with_causes();
                    tracing::error!(
                        error,
                        "the signing keys of API keys do not open; they are left as they are"
                    );
                    step.lost += 1;
                    return Ok(());
                }
            };
            let issuer = Issuer {
                version: issuer.version + 1,
                signing_keys: Some(resealed),
                ..issuer
            };
            match self.context.api_keys().put_issuer(&issuer).await {
                Err(error) if error.is(Reason::VersionMoved) => step.secrets -= 1,
                written => {
                    step.resealed += 1;
                    return written;
                }
            }
        }
        Err(issuer_changed())
    }
}
