//! The state of each router's handlers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRef;
use fluxgate_core::app::{
    Batches, Deliveries, Endpoints, Gateway, Inbox, Metering, Operator, Receiver,
};
use tokio::sync::watch;

use crate::auth::Authenticator;
use crate::event_streams::EventStreams;
use crate::hung_up::HungUp;
use crate::in_flight::BytesInFlight;
use crate::operator_token::OperatorToken;
use crate::reads::Reads;
use crate::throttle::Throttle;

/// The state of the tenants' router.
#[derive(Clone)]
pub struct Edge {
    pub gateway: Arc<Gateway>,
    pub endpoints: Arc<Endpoints>,
    pub deliveries: Arc<Deliveries>,
    pub inbox: Arc<Inbox>,
    pub event_streams: Arc<EventStreams>,
    pub batches: Arc<Batches>,
    pub metering: Arc<Metering>,
    pub authenticator: Arc<Authenticator>,
    pub throttle: Arc<Throttle>,
    pub reads: Arc<Reads>,
    pub in_flight: Arc<BytesInFlight>,
    pub health: Arc<Health>,
    pub hung_up: Arc<HungUp>,
    /// Becomes true when the process shuts down: waiting requests are then answered at once.
    pub stopping: watch::Receiver<bool>,
}

/// The state of the provider's router.
#[derive(Clone)]
pub struct ReceiverEdge {
    pub receiver: Arc<Receiver>,
    pub in_flight: Arc<BytesInFlight>,
}

/// The state of the operator's router.
#[derive(Clone)]
pub struct OperatorEdge {
    pub operator: Arc<Operator>,
    pub endpoints: Arc<Endpoints>,
    pub deliveries: Arc<Deliveries>,
}

impl FromRef<OperatorEdge> for Arc<Operator> {
    fn from_ref(edge: &OperatorEdge) -> Self {
        edge.operator.clone()
    }
}

/// What `/healthz` reveals, and to whom.
#[derive(Clone)]
pub struct Health {
    pub setup: Setup,
    /// The holder of this token is told how the process is configured; without a token nobody is.
    pub operator: Option<OperatorToken>,
}

/// How the process is configured.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `webhook` if the provider can reach the receiver, otherwise `poll`.
    pub completion: &'static str,
    /// The settings in force, by name; secrets and local paths are omitted.
    pub settings: BTreeMap<String, String>,
}
