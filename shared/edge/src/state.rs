//! The state of each router's handlers.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use fluxgate_core::app::{
    AdminAccess, ApiKeys, Batches, Capability, CapabilityRotation, DeadLetters, Deliveries,
    Endpoints, Gateway, Inbox, Metering, Operator, OperatorTasks, OperatorWork, OriginCheck,
    Receiver, Restorations,
};
use tokio::sync::watch;

use crate::auth::Authenticator;
use crate::event_streams::EventStreams;
use crate::hung_up::HungUp;
use crate::in_flight::BytesInFlight;
use crate::reads::Reads;
use crate::throttle::Throttle;
use crate::wavespeed::BillPages;

/// The state of the tenants' router. One pointer, because the router copies it for each layer of
/// each request.
#[derive(Clone)]
pub struct Edge(Arc<EdgeRoles>);

/// What the tenants' router is built from.
pub struct EdgeRoles {
    pub gateway: Arc<Gateway>,
    pub endpoints: Arc<Endpoints>,
    pub keys: Arc<ApiKeys>,
    pub deliveries: Arc<Deliveries>,
    pub inbox: Arc<Inbox>,
    pub event_streams: Arc<EventStreams>,
    pub batches: Arc<Batches>,
    pub metering: Arc<Metering>,
    /// Seals where a reader of a ledger goes on.
    pub cursors: Capability,
    /// `None`: callers reach this process itself.
    pub origin: Option<Arc<OriginCheck>>,
    pub authenticator: Arc<Authenticator>,
    pub throttle: Arc<Throttle>,
    pub reads: Arc<Reads>,
    pub bills: Arc<BillPages>,
    pub in_flight: Arc<BytesInFlight>,
    pub health: Arc<Health>,
    pub hung_up: Arc<HungUp>,
    /// Becomes true when the process shuts down: waiting requests are then answered at once.
    pub stopping: watch::Receiver<bool>,
}

impl Edge {
    pub fn new(roles: EdgeRoles) -> Self {
        Self(Arc::new(roles))
    }
}

impl Deref for Edge {
    type Target = EdgeRoles;

    fn deref(&self) -> &EdgeRoles {
        &self.0
    }
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
    pub keys: Arc<ApiKeys>,
    pub endpoints: Arc<Endpoints>,
    pub deliveries: Arc<Deliveries>,
    pub tasks: Arc<OperatorTasks>,
    pub dead_letters: Arc<DeadLetters>,
    pub restorations: Arc<Restorations>,
    pub capability_keys: Arc<CapabilityRotation>,
    pub batches: Arc<Batches>,
    /// Explains tokens; the operator's own are checked elsewhere.
    pub authenticator: Arc<Authenticator>,
    /// The admin tokens; `None` where IAM authenticates callers.
    pub access: Option<Arc<AdminAccess>>,
    /// Seals where a reader of a ledger goes on.
    pub cursors: Capability,
    /// The operator's long reads.
    pub reads: Arc<Reads>,
}

/// The roles that an operator's edge is built from.
pub struct OperatorRoles {
    pub operator: Arc<Operator>,
    pub keys: Arc<ApiKeys>,
    pub endpoints: Arc<Endpoints>,
    pub deliveries: Arc<Deliveries>,
    pub batches: Arc<Batches>,
    pub work: OperatorWork,
    pub authenticator: Arc<Authenticator>,
    pub access: Option<Arc<AdminAccess>>,
    pub cursors: Capability,
}

impl OperatorEdge {
    pub fn new(roles: OperatorRoles) -> Self {
        let OperatorRoles {
            operator,
            keys,
            endpoints,
            deliveries,
            batches,
            work,
            authenticator,
            access,
            cursors,
        } = roles;
        let capability_keys =
            CapabilityRotation::new(work.context(), cursors.clone(), operator.clone());
        let (tasks, dead_letters, restorations) = work.roles(&operator, &deliveries);
        Self {
            reads: Arc::new(Reads::new(operator.bounds())),
            tasks: Arc::new(tasks),
            dead_letters: Arc::new(dead_letters),
            restorations: Arc::new(restorations),
            capability_keys: Arc::new(capability_keys),
            operator,
            keys,
            endpoints,
            deliveries,
            batches,
            authenticator,
            access,
            cursors,
        }
    }
}

impl FromRef<OperatorEdge> for Arc<ApiKeys> {
    fn from_ref(edge: &OperatorEdge) -> Self {
        edge.keys.clone()
    }
}

impl FromRef<OperatorEdge> for Arc<Reads> {
    fn from_ref(edge: &OperatorEdge) -> Self {
        edge.reads.clone()
    }
}

impl FromRef<OperatorEdge> for Capability {
    fn from_ref(edge: &OperatorEdge) -> Self {
        edge.cursors.clone()
    }
}

impl FromRef<OperatorEdge> for Arc<CapabilityRotation> {
    fn from_ref(edge: &OperatorEdge) -> Self {
        edge.capability_keys.clone()
    }
}

impl FromRef<OperatorEdge> for Arc<Restorations> {
    fn from_ref(edge: &OperatorEdge) -> Self {
        edge.restorations.clone()
    }
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
    /// Whoever may read the admin API is told how the process is configured; without it nobody is.
    pub access: Option<Arc<AdminAccess>>,
}

/// How the process is configured.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `webhook` if the provider can reach the receiver, otherwise `poll`.
    pub completion: &'static str,
    /// The settings in force, by name; secrets and local paths are omitted.
    pub settings: BTreeMap<String, String>,
}
