//! Whether a request that stays open may still be answered: its token may end meanwhile, or its API
//! key be revoked.

use std::time::Duration;

use fluxgate_core::Result;
use fluxgate_core::tenant::Principal;
use tokio::time::Instant;

use crate::state::Edge;

/// Between two looks: each may cost a read.
const LOOK: Duration = Duration::from_secs(3);

/// Of one request.
pub(crate) struct Standing {
    principal: Principal,
    checked: Instant,
}

impl Standing {
    /// For a principal that was just authenticated.
    pub(crate) fn of(principal: &Principal) -> Self {
        Self {
            principal: principal.clone(),
            checked: Instant::now(),
        }
    }

    /// Kind `Unauthenticated` once the token has ended, the key is revoked, or its tenant is gone.
    pub(crate) async fn check(&mut self, edge: &Edge) -> Result<()> {
        if self.checked.elapsed() < LOOK {
            return Ok(());
        }
        self.checked = Instant::now();
        edge.authenticator.check_still(&self.principal).await
    }
}
