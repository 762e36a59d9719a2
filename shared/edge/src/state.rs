//! What every handler may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxgate_core::app::Fluxgate;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::auth::Authenticator;
use crate::in_flight::BytesInFlight;
use crate::operator_token::OperatorToken;
use crate::throttle::Throttle;

/// The state behind the routers.
#[derive(Clone)]
pub struct Edge {
    pub fluxgate: Arc<Fluxgate>,
    pub authenticator: Arc<Authenticator>,
    pub throttle: Arc<Throttle>,
    pub in_flight: Arc<BytesInFlight>,
    pub health: Arc<Health>,
    /// Becomes true when the process is to stop: whoever waits is answered at once.
    pub stopping: watch::Receiver<bool>,
}

/// What `/healthz` may tell, and whom.
#[derive(Clone)]
pub struct Health {
    pub setup: Setup,
    /// Who bears it is told how the process is set; without one nobody is.
    pub operator: Option<OperatorToken>,
}

/// How the process is set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Setup {
    /// `webhook` when the provider can reach the receiver, else `poll`.
    pub completion: &'static str,
    /// The settings in force, by name; secrets and local paths are left out.
    pub settings: BTreeMap<String, String>,
}
