//! What every handler may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxgate_core::flow::Fluxgate;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::auth::Authenticator;
use crate::throttle::Throttle;

/// The state behind the routers.
#[derive(Clone)]
pub struct Edge {
    pub fluxgate: Arc<Fluxgate>,
    pub authenticator: Arc<Authenticator>,
    pub throttle: Arc<Throttle>,
    pub health: Arc<Health>,
    /// Becomes true when the process is to stop: whoever waits is answered at once.
    pub stopping: watch::Receiver<bool>,
}

/// The answer of `/healthz`: that the process serves, and how it is set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`; a process that cannot serve does not answer.
    pub status: &'static str,
    pub version: &'static str,
    /// `webhook` when upstream can reach the receiver, else `poll`.
    pub completion: &'static str,
    /// The settings in force, by name; secrets and local paths are left out.
    pub settings: BTreeMap<String, String>,
}
