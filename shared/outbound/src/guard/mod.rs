//! Keeps requests that tenants can influence away from private networks. The check is made when a
//! connection is made, on the addresses that it will use; checking names earlier only gives a
//! better error.

mod address;
mod client;
mod connector;
mod folder;
mod interim;
mod pins;
mod policy;
mod reuse;
mod send_error;
mod timed_body;
mod transport;

pub use client::GuardedClient;
pub(crate) use client::{GuardedRequest, refusal};
pub(crate) use pins::Unresolved;
pub use policy::{GuardPolicy, networks};
pub(crate) use send_error::SendError;

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{AddressGuard, Purpose};
use fluxgate_core::{Error, Result};
use url::{Host, Url};

use crate::names::{Answer, Asker, NameSettings};
use client::Connections;
use policy::Way;

/// The guard of one installation, with its connections. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    policy: Arc<GuardPolicy>,
    connections: Arc<Connections>,
}

impl Guard {
    /// Fails with kind `Internal` if this machine has no usable certificate store.
    pub fn new(policy: GuardPolicy, names: NameSettings) -> Result<Self> {
        let connections = Arc::new(Connections::new(policy.roots, names)?);
        Ok(Self {
            policy: Arc::new(policy),
            connections,
        })
    }

    /// The same guard, which also allows the provider's own server: its outputs and uploads are on
    /// it, wherever it is.
    pub fn with_provider(&self, provider: &Url) -> Self {
        let mut policy = GuardPolicy::clone(&self.policy);
        policy.allow_provider(provider);
        Self {
            policy: Arc::new(policy),
            connections: Arc::clone(&self.connections),
        }
    }

    /// The guarded client for one purpose.
    pub fn client(&self, purpose: Purpose) -> GuardedClient {
        GuardedClient {
            policy: Arc::clone(&self.policy),
            connections: Arc::clone(&self.connections),
            purpose,
        }
    }
}

#[async_trait]
impl AddressGuard for Guard {
    fn admit(&self, purpose: Purpose, url: &Url) -> Result<()> {
        self.policy.admit(purpose, url)
    }

    async fn check(&self, tenant: &TenantId, purpose: Purpose, url: &Url) -> Result<()> {
        self.policy.admit(purpose, url)?;
        let Some(Host::Domain(name)) = url.host() else {
            return Ok(());
        };
        let asker = Asker {
            purpose,
            tenant: Some(tenant.clone()),
        };
        match self.connections.names.look_up(&asker, name).await {
            Answer::Found(addresses) => {
                Ok(self
                    .policy
                    .judge(Way::of(url)?, name, addresses.iter().copied())?)
            }
            Answer::NoSuchName | Answer::Unanswered => unresolved(purpose, url, name),
        }
    }
}

/// A name may resolve later; then it is checked when a connection is made. A store over plain http
/// is named by an operator, who is told at once.
fn unresolved(purpose: Purpose, url: &Url, name: &str) -> Result<()> {
    if purpose != Purpose::Store || Way::of(url)? == Way::Https {
        return Ok(());
    }
    let text = format!(
        "the host '{name}' does not resolve, and plain http is spoken to allowed networks only; use https, or name an \
         address in a network that --allow-net has"
    );
    Err(Error::invalid("forbidden_address", text))
}
