//! The open connections: the caps, which connection is closed to make room, and which have waited
//! too long.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::stream::AbortHandle;
use tokio::time::Instant;

use crate::bounds::ConnectionBounds;
use crate::connection::Connection;
use crate::peer::Peer;

/// The order in which connections started to wait.
type Ticket = u64;

/// How long a connection keeps its buffers between two requests. Most clients that send more do so
/// within it.
const RESTS_AFTER_MS: u64 = 2_000;

/// The connections of one listener.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) bounds: ConnectionBounds,
    epoch: Instant,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    by_peer: HashMap<Peer, usize>,
    /// Connections without a request in progress, oldest first, overall and per peer.
    waiting: BTreeMap<Ticket, Arc<Connection>>,
    waiting_by_peer: BTreeSet<(Peer, Ticket)>,
    last_ticket: Ticket,
    turned_away: TurnedAway,
}

/// Counts of what the caps did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TurnedAway {
    /// Closed to make room while they waited for a request.
    pub(crate) shed: usize,
    /// Refused.
    pub(crate) refused: usize,
}

/// An open connection; removed from the registry when this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted(pub(crate) Arc<Connection>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.registry.lock().forget(&self.0);
    }
}

impl Registry {
    pub(crate) fn new(bounds: ConnectionBounds) -> Self {
        Self {
            bounds,
            epoch: Instant::now(),
            open: Mutex::default(),
        }
    }

    /// Never 0.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    /// `None`: there is no room for it.
    pub(crate) fn admit(self: &Arc<Self>, peer: Peer, cut: AbortHandle) -> Option<Admitted> {
        let mut open = self.lock();
        let has_place = if open
            .by_peer
            .get(&peer)
            .is_some_and(|count| *count >= self.bounds.open_per_address_max)
        {
            open.shed_oldest_of(peer)
        } else {
            open.count < self.bounds.open_max || open.shed_oldest()
        };
        if !has_place {
            open.turned_away.refused += 1;
            return None;
        }
        let connection = Arc::new(Connection::new(self.clone(), peer, cut));
        open.count += 1;
        *open.by_peer.entry(peer).or_default() += 1;
        connection.counted.store(true, Relaxed);
        let now_ms = self.now_ms();
        open.waits(&connection, now_ms);
        // The head of the first request is due from the start.
        connection.head_since_ms.store(now_ms, Relaxed);
        Some(Admitted(connection))
    }

    /// A request's head has arrived. Returns false if the connection has just been dropped.
    pub(crate) fn begins(&self, connection: &Connection) -> bool {
        let mut open = self.lock();
        let is_open = connection.counted.load(Relaxed);
        open.waits_no_more(connection);
        is_open
    }

    /// A response has been sent; the connection waits for the next request.
    pub(crate) fn waits(&self, connection: &Arc<Connection>) {
        let mut open = self.lock();
        if connection.counted.load(Relaxed) {
            open.waits(connection, self.now_ms());
        }
    }

    /// Drops the connection that has waited longest, whatever its peer.
    pub(crate) fn shed_oldest(&self) {
        self.lock().shed_oldest();
    }

    /// Drops all connections that wait for a request.
    pub(crate) fn cut_waiting(&self) {
        let mut open = self.lock();
        while let Some((_, connection)) = open.waiting.first_key_value() {
            let connection = connection.clone();
            open.give_up(&connection);
        }
    }

    /// Drops connections that are late with a head, or idle for too long.
    pub(crate) fn cut_late(&self, now_ms: u64) {
        let mut open = self.lock();
        let late: Vec<_> = open
            .waiting
            .values()
            .filter(|waiting| self.is_late(waiting, now_ms))
            .cloned()
            .collect();
        late.iter().for_each(|connection| open.give_up(connection));
    }

    /// Lets connections give their buffers back that have been silent for a while.
    pub(crate) fn let_silent_rest(&self, now_ms: u64) {
        let open = self.lock();
        let since_ms = |waiting: &Connection| waiting.waiting_since_ms.load(Relaxed);
        let long_silent = open.waiting.values().filter(|waiting| {
            waiting.is_silent() && now_ms.saturating_sub(since_ms(waiting)) >= RESTS_AFTER_MS
        });
        long_silent.for_each(|waiting| waiting.let_rest());
    }

    /// How often to look for those.
    pub(crate) fn check_every(&self) -> Duration {
        const OFTEN_ENOUGH: Duration = Duration::from_secs(1);
        let quarter = self.bounds.head_timeout().min(self.bounds.idle_timeout()) / 4;
        quarter.clamp(Duration::from_millis(5), OFTEN_ENOUGH)
    }

    /// The counts since the last call.
    pub(crate) fn take_turned_away(&self) -> TurnedAway {
        std::mem::take(&mut self.lock().turned_away)
    }

    fn is_late(&self, waiting: &Connection, now_ms: u64) -> bool {
        let (since_ms, bound_ms) = match waiting.head_since_ms.load(Relaxed) {
            0 => (
                waiting.waiting_since_ms.load(Relaxed),
                self.bounds.idle_timeout_ms,
            ),
            head_ms => (head_ms, self.bounds.head_timeout_ms),
        };
        now_ms.saturating_sub(since_ms) >= bound_ms
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open
            .lock()
            .expect("no code panics while it holds the lock")
    }
}

impl Open {
    fn waits(&mut self, connection: &Arc<Connection>, now_ms: u64) {
        self.last_ticket += 1;
        connection.ticket.store(self.last_ticket, Relaxed);
        connection.waiting_since_ms.store(now_ms, Relaxed);
        connection.head_since_ms.store(0, Relaxed);
        self.waiting.insert(self.last_ticket, connection.clone());
        self.waiting_by_peer
            .insert((connection.peer, self.last_ticket));
    }

    fn waits_no_more(&mut self, connection: &Connection) {
        let ticket = connection.ticket.swap(0, Relaxed);
        self.waiting.remove(&ticket);
        self.waiting_by_peer.remove(&(connection.peer, ticket));
    }

    fn shed_oldest(&mut self) -> bool {
        let oldest = self.waiting.first_key_value().map(|(ticket, _)| *ticket);
        self.shed(oldest)
    }

    fn shed_oldest_of(&mut self, peer: Peer) -> bool {
        let oldest = self
            .waiting_by_peer
            .range((peer, 0)..=(peer, Ticket::MAX))
            .next()
            .map(|(_, ticket)| *ticket);
        self.shed(oldest)
    }

    fn shed(&mut self, ticket: Option<Ticket>) -> bool {
        let Some(connection) = ticket.and_then(|ticket| self.waiting.get(&ticket).cloned()) else {
            return false;
        };
        self.turned_away.shed += 1;
        self.give_up(&connection);
        true
    }

    fn give_up(&mut self, connection: &Connection) {
        self.forget(connection);
        connection.cut.abort();
    }

    fn forget(&mut self, connection: &Connection) {
        self.waits_no_more(connection);
        if !connection.counted.swap(false, Relaxed) {
            return;
        }
        self.count -= 1;
        let left = self.by_peer.get_mut(&connection.peer).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            self.by_peer.remove(&connection.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(open_max: usize, open_per_address_max: usize) -> Arc<Registry> {
        Arc::new(Registry::new(ConnectionBounds {
            open_max,
            open_per_address_max,
            ..ConnectionBounds::default()
        }))
    }

    fn from(registry: &Arc<Registry>, last: u8) -> Option<Admitted> {
        registry.admit(
            Peer::of([192, 0, 2, last].into()),
            AbortHandle::new_pair().0,
        )
    }

    fn is_cut(admitted: &Admitted) -> bool {
        admitted.0.cut.is_aborted()
    }

    #[tokio::test]
    async fn one_too_many_takes_the_place_of_the_one_that_waits_longest() {
        let registry = registry(3, 3);
        let (busy, oldest, younger) = (
            from(&registry, 1).unwrap(),
            from(&registry, 2).unwrap(),
            from(&registry, 3).unwrap(),
        );
        assert!(registry.begins(&busy.0));

        let new = from(&registry, 4).unwrap();

        assert_eq!(
            [&busy, &oldest, &younger, &new].map(is_cut),
            [false, true, false, false]
        );
        assert!(
            !registry.begins(&oldest.0),
            "what was given up begins nothing"
        );
        assert_eq!(
            registry.take_turned_away(),
            TurnedAway {
                shed: 1,
                refused: 0
            }
        );
    }

    #[tokio::test]
    async fn where_every_connection_has_a_request_a_new_one_is_refused_until_one_ends() {
        let registry = registry(2, 2);
        let (first, second) = (from(&registry, 1).unwrap(), from(&registry, 2).unwrap());
        assert!(registry.begins(&first.0) && registry.begins(&second.0));
        assert!(from(&registry, 3).is_none());
        assert_eq!(
            registry.take_turned_away(),
            TurnedAway {
                shed: 0,
                refused: 1
            }
        );

        drop(first);
        let third = from(&registry, 3).unwrap();
        registry.waits(&second.0);
        let fourth = from(&registry, 4).unwrap();

        assert_eq!(
            [&second, &third, &fourth].map(is_cut),
            [false, true, false],
            "the second began to wait last"
        );
    }

    #[tokio::test]
    async fn one_address_takes_its_own_places_and_nobody_else_s() {
        let registry = registry(10, 2);
        let (other, first, second) = (
            from(&registry, 1).unwrap(),
            from(&registry, 2).unwrap(),
            from(&registry, 2).unwrap(),
        );
        assert!(registry.begins(&second.0));

        let third = from(&registry, 2).unwrap();

        assert_eq!(
            [&other, &first, &second, &third].map(is_cut),
            [false, true, false, false]
        );
        assert!(registry.begins(&third.0));
        assert!(from(&registry, 2).is_none());
        assert!(from(&registry, 3).is_some());
    }

    #[tokio::test]
    async fn a_head_and_a_pause_between_requests_have_times_of_their_own() {
        let registry = registry(10, 10);
        let (silent, idle, dripping, busy) = (
            from(&registry, 1).unwrap(),
            from(&registry, 2).unwrap(),
            from(&registry, 3).unwrap(),
            from(&registry, 4).unwrap(),
        );
        for connection in [&idle, &dripping, &busy] {
            assert!(registry.begins(&connection.0));
        }
        for connection in [&idle, &dripping] {
            registry.waits(&connection.0);
        }
        dripping.0.received();
        let all = [&silent, &idle, &dripping, &busy];

        // Of the head's 20 s and the pause's 75 s.
        let start_ms = registry.now_ms();
        registry.cut_late(start_ms + 19_000);
        assert_eq!(all.map(is_cut), [false; 4]);
        registry.cut_late(start_ms + 20_000);
        assert_eq!(all.map(is_cut), [true, false, true, false]);
        registry.cut_late(start_ms + 75_000);
        assert_eq!(
            all.map(is_cut),
            [true, true, true, false],
            "a request in hand is never late"
        );
    }

    #[tokio::test]
    async fn what_ended_leaves_nothing_behind() {
        let registry = registry(4, 4);
        let all: Vec<_> = (1..=4).map(|last| from(&registry, last).unwrap()).collect();
        registry.begins(&all[0].0);

        drop(all);

        let open = registry.lock();
        assert_eq!(
            (
                open.count,
                open.by_peer.len(),
                open.waiting.len(),
                open.waiting_by_peer.len()
            ),
            (0, 0, 0, 0)
        );
    }
}
