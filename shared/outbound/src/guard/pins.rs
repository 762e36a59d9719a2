//! The addresses that running requests may connect to, by name. A connection goes to an address
//! that was checked for a request and makes no further look-up, so a name that changes in between
//! (DNS rebinding) gains nothing.

use std::collections::HashMap;
use std::fmt;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::policy::{ForbiddenAddress, Way};

/// The result of a look-up for one request.
#[derive(Debug, Clone)]
pub(super) enum Pinned {
    /// Port 0 makes the client use the URL's port.
    To(Arc<[SocketAddr]>),
    Forbidden(ForbiddenAddress),
    Unresolved(Unresolved),
}

/// Why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unresolved {
    NoSuchName,
    Unanswered,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchName => "the name does not resolve",
            Self::Unanswered => "the name could not be looked up in time",
        })
    }
}

impl std::error::Error for Unresolved {}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Key = (Way, Box<str>);

#[derive(Default)]
struct Table {
    next: u64,
    by_name: HashMap<Key, Vec<(u64, Pinned)>>,
}

#[derive(Clone, Default)]
pub(super) struct Pins(Arc<Mutex<Table>>);

/// Keeps one request's pin in place while the request runs.
pub(super) struct Pin {
    pins: Pins,
    key: Key,
    id: u64,
}

impl Pins {
    pub(super) fn pin(&self, way: Way, name: &str, pinned: Pinned) -> Pin {
        let key: Key = (way, name.into());
        let mut table = self.lock();
        let id = table.next;
        table.next += 1;
        table
            .by_name
            .entry(key.clone())
            .or_default()
            .push((id, pinned));
        drop(table);
        Pin {
            pins: self.clone(),
            key,
            id,
        }
    }

    /// Connections belong to no particular request, so of several pins any will do. But a pin with
    /// addresses is better than one without, whose tenant may only have waited too long behind its
    /// own names.
    fn of(&self, way: Way, name: &str) -> Option<Pinned> {
        let table = self.lock();
        let pins = table.by_name.get(&(way, name.into()))?;
        let usable = pins
            .iter()
            .rev()
            .find(|(_, pinned)| matches!(pinned, Pinned::To(_)));
        usable.or(pins.last()).map(|(_, pinned)| pinned.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut table = self.pins.lock();
        let Some(pins) = table.by_name.get_mut(&self.key) else {
            return;
        };
        pins.retain(|(id, _)| *id != self.id);
        if pins.is_empty() {
            table.by_name.remove(&self.key);
        }
    }
}

/// A client's only source of addresses. A resolver does not learn the scheme, so each scheme has
/// its own client.
#[derive(Clone)]
pub(super) struct PinnedAddresses {
    pub(super) pins: Pins,
    pub(super) way: Way,
}

impl PinnedAddresses {
    fn of(&self, name: &str) -> Result<Vec<SocketAddr>, BoxError> {
        match self.pins.of(self.way, name) {
            Some(Pinned::To(addresses)) => Ok(addresses.to_vec()),
            Some(Pinned::Forbidden(forbidden)) => Err(forbidden.into()),
            Some(Pinned::Unresolved(unresolved)) => Err(unresolved.into()),
            // The request that needed the connection is gone.
            None => Err(Unresolved::Unanswered.into()),
        }
    }
}

impl Service<Name> for PinnedAddresses {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        ready(self.of(name.as_str()).map(Vec::into_iter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "hooks.example";

    fn resolved(pins: &Pins, way: Way) -> Option<Vec<SocketAddr>> {
        let addresses = PinnedAddresses {
            pins: pins.clone(),
            way,
        };
        addresses.of(NAME).ok()
    }

    fn to(address: &str) -> Pinned {
        Pinned::To(Arc::new([address.parse().unwrap()]))
    }

    #[test]
    fn a_name_leads_nowhere_without_a_request_under_way_or_for_another_scheme() {
        let pins = Pins::default();

        let pin = pins.pin(Way::Https, NAME, to("192.0.2.1:0"));
        let during = (resolved(&pins, Way::Https), resolved(&pins, Way::Http));
        drop(pin);

        assert_eq!(during, (Some(vec!["192.0.2.1:0".parse().unwrap()]), None));
        assert_eq!(resolved(&pins, Way::Https), None);
        assert!(pins.lock().by_name.is_empty());
    }

    #[test]
    fn one_request_s_failed_look_up_is_not_another_s() {
        let pins = Pins::default();

        let _one = pins.pin(Way::Https, NAME, to("192.0.2.1:0"));
        let _other = pins.pin(Way::Https, NAME, Pinned::Unresolved(Unresolved::Unanswered));

        assert!(resolved(&pins, Way::Https).is_some());
    }
}
