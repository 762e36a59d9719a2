//! Checks that a tenant's role can be assumed, and only with the ExternalId.

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::DestinationCheck;
use fluxgate_core::tenant::AssumedRole;
use fluxgate_single_flight::Failed;

use super::{Session, StsRoles};

/// Well formed, but not any tenant's.
const ANOTHER_EXTERNAL_ID: &str = "fluxgate-probe-of-another-external-id";

/// STS's answers to three attempts. A role is set up correctly if the first is `Ok` and both others
/// are `Ok(true)`.
#[derive(Debug)]
pub struct RoleProbe {
    pub with_external_id: Result<()>,
    /// `Ok(false)`: any principal in the trust policy may use the role. An error: STS did not
    /// answer.
    pub without_external_id_refused: Result<bool>,
    pub with_another_external_id_refused: Result<bool>,
}

impl RoleProbe {
    /// What they mean for the tenant.
    pub fn checks(self) -> Vec<DestinationCheck> {
        let (passed, text) = match self.with_external_id {
            Ok(()) => {
                let text = "the role can be assumed with the tenant's ExternalId";
                (true, text.to_owned())
            }
            Err(error) => (false, error.message),
        };
        vec![
            DestinationCheck {
                name: "role_assumable",
                passed,
                text,
            },
            refusal(
                "role_refused_without_external_id",
                "without an ExternalId",
                self.without_external_id_refused,
            ),
            refusal(
                "role_refused_with_another_external_id",
                "with another ExternalId",
                self.with_another_external_id_refused,
            ),
        ]
    }
}

fn refusal(name: &'static str, how: &str, refused: Result<bool>) -> DestinationCheck {
    let (passed, text) = match refused {
        Ok(true) => (true, format!("STS refuses the role {how}")),
        Ok(false) => {
            let text = "the role can be assumed {how}; its trust policy must require sts:ExternalId with StringEquals";
            (false, text.replace("{how}", how))
        }
        Err(error) => (false, error.message),
    };
    DestinationCheck { name, passed, text }
}

impl StsRoles {
    /// Always calls STS, whatever is cached.
    pub async fn probe(&self, role: &AssumedRole, tenant: &TenantId) -> RoleProbe {
        let (with, without, another) = tokio::join!(
            self.assume(role, tenant, session(Some(&role.external_id))),
            self.assume(role, tenant, session(None)),
            self.assume(role, tenant, session(Some(ANOTHER_EXTERNAL_ID))),
        );
        RoleProbe {
            with_external_id: with.map(drop).map_err(|failed| failed.error),
            without_external_id_refused: refused(without),
            with_another_external_id_refused: refused(another),
        }
    }
}

/// For nothing: its keys are dropped at once.
fn session(external_id: Option<&str>) -> Session<'_> {
    Session {
        external_id,
        policy: None,
    }
}

fn refused<T>(answer: Result<T, Failed>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(false),
        Err(failed) if !failed.temporary => Ok(true),
        Err(failed) => Err(failed.error),
    }
}
