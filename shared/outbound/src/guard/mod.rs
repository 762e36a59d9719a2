//! Keeps requests that tenants can steer away from the machine's own networks. Judged when a connection is made, on the
//! addresses that it will use: judging names earlier only makes the refusal kinder.

mod address;
mod client;
mod policy;
mod resolver;

pub use client::GuardedClient;
pub(crate) use client::refusal;
pub use policy::GuardPolicy;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::port::AddressGuard;
use url::{Host, Url};

use policy::Way;

/// How long `check` waits for a name; one that takes longer is judged at connect time only.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The guard of one installation, with the client that it keeps.
pub struct Guard {
    policy: Arc<GuardPolicy>,
    client: GuardedClient,
}

impl Guard {
    /// Fails with kind `Internal` when this machine has no usable certificate store.
    pub fn new(policy: GuardPolicy) -> Result<Self> {
        let policy = Arc::new(policy);
        let client = GuardedClient::new(&policy)?;
        Ok(Self { policy, client })
    }

    /// The one client behind the guard; clones share its connections.
    pub fn client(&self) -> GuardedClient {
        self.client.clone()
    }
}

#[async_trait]
impl AddressGuard for Guard {
    async fn check(&self, url: &Url) -> Result<()> {
        self.policy.admit(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let Ok(Ok(addresses)) = tokio::time::timeout(LOOKUP_TIMEOUT, resolver::lookup(name)).await else {
            return Ok(());
        };
        Ok(self.policy.judge(Way::of(url)?, name, addresses.iter().map(std::net::SocketAddr::ip))?)
    }
}
