//! Name look-up for the guarded client. The addresses judged here are the very ones it connects to, so a name that changes
//! its mind between a check and a request (DNS rebinding) gains nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{GuardPolicy, Way};

pub(super) struct GuardedResolver {
    pub(super) policy: Arc<GuardPolicy>,
    /// A resolver is not told the scheme, so each scheme has a client, and each client a resolver, of its own.
    pub(super) way: Way,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, way) = (Arc::clone(&self.policy), self.way);
        Box::pin(async move {
            let addresses = lookup(name.as_str()).await?;
            policy.judge(way, name.as_str(), addresses.iter().map(SocketAddr::ip))?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Names looked up at once. A look-up occupies a thread until the system's resolver gives up, however long the caller waits:
/// names that never answer must not take the threads that files are written on.
static LOOKUPS: Semaphore = Semaphore::const_new(8);

/// The addresses of a name, at least one. Port 0 lets the client put in the URL's.
pub(super) async fn lookup(name: &str) -> io::Result<Vec<SocketAddr>> {
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let name = name.to_owned();
    let looking = tokio::spawn(async move {
        let found = tokio::net::lookup_host((name, 0)).await.map(Iterator::collect);
        drop(permit);
        found
    });
    let addresses: Vec<SocketAddr> = looking.await.map_err(io::Error::other)??;
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolves(way: Way, name: &str) -> bool {
        let resolver = GuardedResolver { policy: Arc::new(GuardPolicy::default()), way };
        resolver.resolve(name.parse().unwrap()).await.is_ok()
    }

    /// An address is a name that every machine resolves, also one without a network.
    #[tokio::test]
    async fn a_public_address_is_found_for_https_only_and_a_private_one_for_neither() {
        assert!(resolves(Way::Https, "8.8.8.8").await);
        assert!(!resolves(Way::Http, "8.8.8.8").await);
        assert!(!resolves(Way::Https, "10.0.0.1").await);
        assert!(!resolves(Way::Https, "localhost").await);
    }
}
