//! What the handlers of each router may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxgate_core::app::{Endpoints, Gateway, Metering, Receiver};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::auth::Authenticator;
use crate::in_flight::BytesInFlight;
use crate::operator_token::OperatorToken;
use crate::throttle::Throttle;

/// The state behind the tenants' router.
#[derive(Clone)]
pub struct Edge {
    pub gateway: Arc<Gateway>,
    pub endpoints: Arc<Endpoints>,
    pub metering: Arc<Metering>,
    pub authenticator: Arc<Authenticator>,
    pub throttle: Arc<Throttle>,
    pub in_flight: Arc<BytesInFlight>,
    pub health: Arc<Health>,
    /// Becomes true when the process is to stop: whoever waits is answered at once.
    pub stopping: watch::Receiver<bool>,
}

/// The state behind the provider's router.
#[derive(Clone)]
pub struct ReceiverEdge {
    pub receiver: Arc<Receiver>,
    pub in_flight: Arc<BytesInFlight>,
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
