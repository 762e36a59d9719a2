//! Resolves host names from tenants and the provider: quickly, once for all concurrent callers,
//! cached for the TTL, and charged to the asker's allowance. Nothing here checks an address.

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

/// The DNS servers, and the time-out.
#[derive(Debug, Clone)]
pub struct NameSettings {
    /// The DNS servers; if empty, those in `/etc/resolv.conf`. `/etc/hosts` takes precedence either
    /// way.
    pub servers: Vec<SocketAddr>,
    /// One look-up in total, including all waiting.
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
    /// Makes no query yet, and reads no file.
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

    /// Cached names, and look-ups that are already running, use up no allowance.
    async fn answer(&self, asker: &Asker, name: &str) -> Answer {
        if let Some(known) = self.0.cache.get(name) {
            return known;
        }
        if let Some(flight) = self.0.flights.running(name) {
            return flight.landed().await;
        }
        let permit = self.0.allowances.take(asker).await;
        // It may have been looked up while this caller waited.
        if let Some(known) = self.0.cache.get(name) {
            return known;
        }
        let (flight, take_off) = self.0.flights.join(name);
        if let Some(take_off) = take_off {
            let inner = Arc::clone(&self.0);
            // In a separate task, so that the first caller may go away; its permit is held until
            // the look-up ends.
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
