//! Names looked up on the way to what tenants and the provider name: each within moments, once for
//! all who ask at the same time, kept for as long as the answer allows, and at the expense of
//! whoever asks. Nothing here judges an address.

mod allowance;
mod answer;
mod cache;
mod flights;
mod machine;
mod question;
mod system;

pub(crate) use allowance::Asker;
pub(crate) use answer::Answer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allowance::Allowances;
use cache::NameCache;
use flights::Flights;
use system::System;

/// Whom to ask, and for how long.
#[derive(Debug, Clone)]
pub struct NameSettings {
    /// The DNS servers; none: those of `/etc/resolv.conf`. What `/etc/hosts` says comes before them
    /// either way.
    pub servers: Vec<SocketAddr>,
    /// One look-up, with all that it waits for.
    pub timeout: Duration,
}

impl Default for NameSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(2),
        }
    }
}

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub(crate) struct Names(Arc<Inner>);

struct Inner {
    timeout: Duration,
    system: System,
    cache: NameCache,
    flights: Flights,
    allowances: Allowances,
}

impl Names {
    /// Asks nobody yet, and reads no file.
    pub(crate) fn new(settings: NameSettings) -> Self {
        let NameSettings { servers, timeout } = settings;
        Self(Arc::new(Inner {
            timeout,
            system: System::new(servers, timeout),
            cache: NameCache::default(),
            flights: Flights::default(),
            allowances: Allowances::default(),
        }))
    }

    /// The addresses of a name, or why there are none. Takes no longer than the time-out.
    pub(crate) async fn look_up(&self, asker: &Asker, name: &str) -> Answer {
        tokio::time::timeout(self.0.timeout, self.answer(asker, name))
            .await
            .unwrap_or(Answer::Unanswered)
    }

    /// What is known, or is being asked already, costs nobody anything.
    async fn answer(&self, asker: &Asker, name: &str) -> Answer {
        if let Some(known) = self.0.cache.get(name) {
            return known;
        }
        if let Some(flight) = self.0.flights.running(name) {
            return flight.landed().await;
        }
        let permit = self.0.allowances.take(asker).await;
        // It may have been asked for, and found, while this one waited.
        if let Some(known) = self.0.cache.get(name) {
            return known;
        }
        let (flight, take_off) = self.0.flights.join(name);
        if let Some(take_off) = take_off {
            let inner = Arc::clone(&self.0);
            // On its own, so that whoever asked first may leave; its permit stays taken until the
            // servers were given up.
            tokio::spawn(async move {
                let asked =
                    tokio::time::timeout(inner.timeout, inner.system.look_up(take_off.name()))
                        .await;
                let answered = asked.unwrap_or_default();
                inner.cache.keep(take_off.name(), &answered);
                take_off.land(answered.answer);
                drop(permit);
            });
        }
        flight.landed().await
    }
}
