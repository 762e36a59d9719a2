//! The tenants' destinations as the admin function sees them: their roles. Only the archiver may
//! touch the buckets behind them.

use async_trait::async_trait;
use fluxgate_aws::sts::StsRoles;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{DestinationCheck, Destinations};
use fluxgate_core::tenant::Destination;

pub(super) struct TenantRoles(pub(super) StsRoles);

#[async_trait]
impl Destinations for TenantRoles {
    /// Buckets on AWS are created by their owners.
    async fn prepare(&self, _: &Destination) -> Result<()> {
        Ok(())
    }

    async fn probe(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>> {
        let Some(role) = &destination.role else {
            let text = "the bucket is written with the archiver's own role, which this function does not have; there is \
                        nothing to look at here";
            return Ok(vec![DestinationCheck {
                name: "no_role",
                passed: true,
                text: text.to_owned(),
            }]);
        };
        let probe = self.0.probe(role, tenant).await;
        let with = match probe.with_external_id {
            Ok(()) => (
                true,
                "the role can be assumed with the tenant's ExternalId".to_owned(),
            ),
            Err(error) => (false, error.message),
        };
        Ok(vec![
            DestinationCheck {
                name: "role_assumable",
                passed: with.0,
                text: with.1,
            },
            refusal(
                "role_refused_without_external_id",
                "without an ExternalId",
                probe.without_external_id_refused,
            ),
            refusal(
                "role_refused_with_another_external_id",
                "with another ExternalId",
                probe.with_another_external_id_refused,
            ),
        ])
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
