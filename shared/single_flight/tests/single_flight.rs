//! One fetch for all who ask, and what they are told when it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use fluxgate_core::port::Clock;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};
use futures::future::join_all;
use tokio::sync::{Notify, oneshot};

const FRESH_MS: u64 = 1_000;
const SERVES_MS: u64 = 10_000;
const PAUSE_MS: u64 = 100;

#[derive(Default)]
struct HeldClock(AtomicI64);

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    clock: Arc<HeldClock>,
    cache: SingleFlight<&'static str, usize>,
    fetches: AtomicUsize,
}

impl World {
    fn new() -> Self {
        Self::of(8)
    }

    fn of(values_max: usize) -> Self {
        let clock = Arc::new(HeldClock::default());
        Self {
            cache: SingleFlight::new(values_max, clock.clone()),
            clock,
            fetches: AtomicUsize::new(0),
        }
    }

    fn pass_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Brings the number of the fetch.
    async fn good(&self) -> Result<Fetched<usize>, Failed> {
        let value = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::task::yield_now().await;
        let now = self.clock.now();
        Ok(Fetched {
            value,
            fresh_until: now.plus_ms(FRESH_MS),
            serves_until: now.plus_ms(SERVES_MS),
        })
    }

    async fn bad(&self, temporary: bool) -> Result<Fetched<usize>, Failed> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Err(Failed {
            error: Error::unavailable("away", "nobody answers"),
            temporary,
            pause_ms: PAUSE_MS,
        })
    }

    async fn get(&self) -> Result<usize> {
        self.cache.get(&"a", self.good()).await
    }
}

#[tokio::test]
async fn a_value_is_fetched_once_by_many_at_once_and_again_when_it_is_no_longer_fresh() {
    let world = World::new();

    let answers = join_all((0..50).map(|_| world.get())).await;

    assert!(answers.iter().all(|answer| *answer.as_ref().unwrap() == 1));
    world.pass_ms(999);
    assert_eq!(world.get().await.unwrap(), 1);
    world.pass_ms(1);
    assert_eq!(world.get().await.unwrap(), 2);
}

#[tokio::test]
async fn a_failure_is_shared_and_nobody_fetches_until_its_pause_is_over() {
    let world = World::new();

    let asks = (0..50).map(|_| world.cache.get(&"a", world.bad(true)));
    let answers = join_all(asks).await;
    let later = world.get().await;

    assert!(answers.iter().chain([&later]).all(Result::is_err));
    let repeats = |answer: &&Result<usize>| answer.as_ref().is_err_and(Error::is_of_earlier_call);
    assert_eq!(answers.iter().filter(repeats).count(), 49);
    let later = later.unwrap_err();
    assert_eq!((later.code, later.is_of_earlier_call()), ("away", true));
    assert_eq!(world.fetches(), 1);
    world.pass_ms(100);
    assert_eq!(world.get().await.unwrap(), 2);
}

#[tokio::test]
async fn the_value_from_before_serves_through_an_outage_and_no_longer_than_it_may() {
    let world = World::new();
    world.get().await.unwrap();

    world.pass_ms(9_000);
    let serving = world.cache.get(&"a", world.bad(true)).await;
    world.pass_ms(1_000);
    let over = world.cache.get(&"a", world.bad(true)).await;

    assert_eq!(serving.unwrap(), 1);
    assert_eq!(over.unwrap_err().code, "away");
    assert_eq!(world.fetches(), 3);
}

#[tokio::test]
async fn a_refusal_ends_the_value_from_before_for_good() {
    let world = World::new();
    world.get().await.unwrap();
    world.pass_ms(1_000);

    let refused = world.cache.get(&"a", world.bad(false)).await;
    world.pass_ms(100);
    let away = world.cache.get(&"a", world.bad(true)).await;

    assert!(refused.is_err() && away.is_err());
}

#[tokio::test]
async fn nobody_waits_who_has_a_value_to_go_on_with() {
    let world = World::new();
    world.get().await.unwrap();
    world.pass_ms(1_000);
    let (answer, answered) = oneshot::channel::<()>();
    let begun = Notify::new();
    let slow = async {
        begun.notify_one();
        answered.await.unwrap();
        world.good().await
    };

    let refreshing = world.cache.get(&"a", slow);
    let meanwhile = async {
        begun.notified().await;
        let value = world.get().await;
        answer.send(()).unwrap();
        value
    };
    let (refreshed, meanwhile) = tokio::join!(refreshing, meanwhile);

    assert_eq!((refreshed.unwrap(), meanwhile.unwrap()), (2, 1));
}

#[tokio::test]
async fn who_hangs_up_leaves_the_fetch_to_the_next_who_waits() {
    let world = World::new();
    let never = async {
        world.fetches.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    };
    let mut first = Box::pin(world.cache.get(&"a", never));
    let mut second = Box::pin(world.get());
    assert!(futures::poll!(first.as_mut()).is_pending());
    assert!(futures::poll!(second.as_mut()).is_pending());
    assert_eq!(world.fetches(), 1, "the second waits");

    drop(first);

    assert_eq!(second.await.unwrap(), 2);
}

#[tokio::test]
async fn a_refresh_fetches_what_is_fresh_but_once_within_its_gap() {
    let world = World::new();
    world.get().await.unwrap();
    let refresh = || world.cache.refresh(&"a", 500, world.good());

    let answers = join_all((0..50).map(|_| refresh())).await;
    world.pass_ms(499);
    let within = refresh().await.unwrap();
    world.pass_ms(1);
    let after = refresh().await.unwrap();

    assert!(answers.iter().all(|answer| *answer.as_ref().unwrap() == 2));
    assert_eq!((within, after), (2, 3));
    assert_eq!(world.get().await.unwrap(), 3);
}

#[tokio::test]
async fn a_refresh_that_is_hung_up_on_has_used_up_its_turn() {
    let world = World::new();
    world.get().await.unwrap();
    let mut never = Box::pin(world.cache.refresh(&"a", 500, std::future::pending()));
    assert!(futures::poll!(never.as_mut()).is_pending());
    drop(never);

    let next = world.cache.refresh(&"a", 500, world.good()).await;

    assert_eq!((next.unwrap(), world.fetches()), (1, 1));
}

#[tokio::test]
async fn a_refresh_that_fails_spoils_no_value_that_is_fresh() {
    let world = World::new();
    world.get().await.unwrap();

    let failed = world.cache.refresh(&"a", 500, world.bad(true)).await;

    assert_eq!((failed.unwrap(), world.get().await.unwrap()), (1, 1));
}

#[tokio::test]
async fn one_value_is_kept_where_there_is_room_for_one_and_the_others_are_fetched_again() {
    let world = World::of(1);

    for _ in 0..10 {
        assert_eq!(world.get().await.unwrap(), 1);
    }
    for key in ["b", "c", "d"] {
        world.cache.get(&key, world.good()).await.unwrap();
    }

    assert!(world.get().await.unwrap() <= 5);
}
