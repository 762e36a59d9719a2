//! How often jobs look for a place at an endpoint, and what they find.

use std::collections::BTreeMap;

use super::waiting::WAITING_MAX;
use super::*;
use crate::base::id::TenantId;

fn allowed(concurrency: u32, per_second: Option<u32>) -> Allowed {
    Allowed {
        concurrency,
        per_second,
    }
}

/// So many jobs come to a receiver that needs this long for each, and every one that finds no
/// place comes again when it is told. The checks and the attempts of half an hour, and when
/// the last attempt was made, without anybody being called.
fn half_an_hour(jobs: usize, took_ms: i64, is_answered: bool) -> (usize, usize, i64) {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let (mut checks, mut attempts, mut last) = (0, 0, 0);
    let mut under_way = Vec::new();
    let mut due = BTreeMap::from([(0_i64, jobs)]);
    for now in (0..30 * 60_000_i64).step_by(100) {
        let at = Timestamp(now);
        let is_over = |(started, _): &mut (i64, Place)| *started + took_ms <= now;
        for (started, place) in under_way.extract_if(.., is_over) {
            place.note(is_answered, Timestamp(started), at);
        }
        let later = due.split_off(&(now + 1));
        for _ in 0..std::mem::replace(&mut due, later)
            .into_values()
            .sum::<usize>()
        {
            checks += 1;
            match pace.take(&one, allowed(16, None), at) {
                Ok(place) => {
                    attempts += 1;
                    last = now;
                    under_way.push((now, place));
                }
                Err(_) => {
                    let delay_ms = pace.put_off_ms(&one, allowed(16, None), at).max(500);
                    *due.entry(now + delay_ms.cast_signed()).or_default() += 1;
                }
            }
        }
    }
    (checks, attempts, last)
}

#[test]
fn each_job_that_waits_checks_a_few_times_a_minute_and_not_each_second() {
    let (checks, attempts, _) = half_an_hour(700, 15_000, false);
    assert!(attempts >= 100, "its one place is seldom empty: {attempts}");
    assert!(checks < 10 * 700, "each sleeps until its turn: {checks}");
}

#[test]
fn a_slow_receiver_that_answers_loses_nothing_by_it() {
    let (checks, attempts, last) = half_an_hour(5_000, 1_000, true);
    assert_eq!(attempts, 5_000);
    assert!(last < 400_000, "16 a second take 313 s: {last}");
    assert!(checks < 12 * 5_000, "{checks}");
}

/// 5,000 jobs find a receiver that holds its first answers for five seconds, and then needs a
/// millisecond for each.
#[test]
fn a_moment_without_answers_costs_a_fast_receiver_nothing_afterwards() {
    let pace = Pace::default();
    let (one, held_until) = (EndpointId::parse(&"1".repeat(32)).unwrap(), 5_000_i64);
    let job = |n: u32| Job::Recover {
        tenant: TenantId::parse("acme").unwrap(),
        endpoint: one.clone(),
        recovery: n,
    };
    let mut due: BTreeMap<i64, Vec<Job>> = BTreeMap::from([(0, (0..5_000).map(job).collect())]);
    let mut under_way: Vec<(i64, Place)> = Vec::new();
    let (mut attempts, mut now) = (0, 0);
    while attempts < 5_000 {
        let at = Timestamp(now);
        let is_over = |(started, _): &mut (i64, Place)| now >= held_until && *started < now;
        for (started, place) in under_way.extract_if(.., is_over) {
            place.note(true, Timestamp(started), at);
            drop(place);
            let called = pace.next_waiting(&one);
            for later in due.values_mut() {
                later.retain(|job| !called.contains(job));
            }
            due.entry(now).or_default().extend(called);
        }
        let later = due.split_off(&(now + 1));
        for job in std::mem::replace(&mut due, later).into_values().flatten() {
            if let Ok(place) = pace.take(&one, allowed(16, None), at) {
                pace.has_come(&one, &job);
                attempts += 1;
                under_way.push((now, place));
            } else {
                let delay_ms = pace.put_off_ms(&one, allowed(16, None), at).max(500);
                pace.wait(&one, job.clone(), at);
                due.entry(now + delay_ms.cast_signed())
                    .or_default()
                    .push(job);
            }
        }
        now += 1;
    }
    assert!(now < held_until + 1_000, "16 at once take 313 ms: {now}");
}

#[test]
fn a_receiver_that_answers_again_has_nobody_behind_those_that_waited_in_vain() {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let place = pace.take(&one, allowed(16, None), Timestamp(0)).unwrap();
    place.note(false, Timestamp(0), Timestamp(15_000));
    let put_off = |at: i64| pace.put_off_ms(&one, allowed(16, None), Timestamp(at));

    let delays = std::iter::repeat_with(|| put_off(15_000)).take(100);
    let delays: Vec<u64> = delays.collect();
    assert_eq!(delays[..3], [0, 7_500, 15_000]);
    assert_eq!(delays.last(), Some(&PUT_OFF_LONG_MS));

    place.note(true, Timestamp(15_000), Timestamp(15_016));
    assert_eq!([put_off(15_016), put_off(15_016)], [0, 0]);
}

#[test]
fn of_those_that_find_a_breaker_open_two_come_when_it_opens_and_the_rest_by_and_by() {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let after = |opens: i64| pace.after_opening_ms(&one, Timestamp(opens), Timestamp(1_000));
    let job = |n: u32| Job::Recover {
        tenant: TenantId::parse("acme").unwrap(),
        endpoint: one.clone(),
        recovery: n,
    };
    assert!(!pace.wait(&one, job(0), Timestamp(1_000)), "nobody comes");

    let delays: Vec<_> = (0..10_000).map(|_| after(61_000)).collect();

    assert_eq!(delays[..3], [None, None, Some(60_000)]);
    assert_eq!(delays[42], Some(62_000), "20 a second come after them");
    assert_eq!(delays.last(), Some(&Some(PUT_OFF_LONG_MS)));
    assert!(pace.wait(&one, job(1), Timestamp(1_000)));
    assert_eq!(pace.next_waiting(&one), [job(1)], "one of the two calls it");
    assert_eq!(after(121_000), None, "it stayed closed");
    assert!(!pace.wait(&one, job(1), Timestamp(181_000)), "nobody came");
}

#[test]
fn who_exceeds_a_rate_sleeps_as_long_as_it_asks_for() {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let put_off = |_: i32| pace.put_off_ms(&one, allowed(16, Some(2)), Timestamp(0));

    assert_eq!((0..4).map(put_off).collect::<Vec<_>>(), [0, 250, 500, 750]);
    let behind_ms = pace.behind_ms(&one, allowed(16, Some(2)), Timestamp(0));
    assert_eq!(behind_ms, 1_000);
}

#[test]
fn an_endpoint_has_so_many_under_way_and_no_more() {
    let pace = Pace::default();
    let (one, other) = (
        EndpointId::parse(&"1".repeat(32)).unwrap(),
        EndpointId::parse(&"2".repeat(32)).unwrap(),
    );
    let now = Timestamp(0);

    let first = pace.take(&one, allowed(2, None), now).unwrap();
    let _second = pace.take(&one, allowed(2, None), now).unwrap();
    assert_eq!(
        pace.take(&one, allowed(2, None), now).err(),
        Some(Busy::Full)
    );
    let third = pace.take(&other, allowed(2, None), now).unwrap();
    drop((first, third));
    let _again = pace.take(&one, allowed(2, None), now).unwrap();
    assert_eq!(pace.lock().len(), 1, "the other has nothing under way");
}

#[test]
fn who_found_no_place_is_called_in_turn_while_something_is_under_way() {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let job = |n: u32| Job::Recover {
        tenant: TenantId::parse("acme").unwrap(),
        endpoint: one.clone(),
        recovery: n,
    };
    assert!(
        !pace.wait(&one, job(0), Timestamp(0)),
        "nothing is under way"
    );

    let place = pace.take(&one, allowed(1, None), Timestamp(0)).unwrap();
    let wait = |n: u32| pace.wait(&one, job(n), Timestamp(0));
    let taken = (1..=2 * WAITING_MAX as u32).all(|n| wait(n) && wait(1));
    drop(place);

    assert!(taken);
    pace.has_come(&one, &job(2));
    assert_eq!(pace.next_waiting(&one), [job(1), job(3)]);
    let others = std::iter::from_fn(|| Some(pace.next_waiting(&one).len()).filter(|n| *n > 0));
    assert_eq!(
        others.sum::<usize>(),
        WAITING_MAX - 3,
        "no more are remembered"
    );
}

#[test]
fn a_receiver_that_answers_gets_more_at_once_and_one_that_does_not_gets_fewer() {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let taken = |concurrency: u32| {
        let take = || {
            pace.take(&one, allowed(concurrency, None), Timestamp(0))
                .ok()
        };
        std::iter::from_fn(take).collect::<Vec<Place>>()
    };

    let mut places = taken(16);
    assert_eq!(places.len(), 2, "it has not answered yet");
    places.pop().unwrap().note(true, Timestamp(0), Timestamp(0));
    places.extend(taken(16));
    assert_eq!(places.len(), 4);
    places.pop().unwrap().note(true, Timestamp(0), Timestamp(0));
    places.pop().unwrap().note(true, Timestamp(0), Timestamp(0));
    places.extend(taken(16));
    assert_eq!(places.len(), 16, "and never more than its limit");
    for place in places.drain(..8) {
        place.note(false, Timestamp(0), Timestamp(0));
    }
    places.truncate(1);
    assert!(
        taken(16).is_empty(),
        "a receiver that has stopped answering"
    );
}

#[test]
fn an_endpoint_is_called_so_often_a_second_and_no_more() {
    let pace = Pace::default();
    let one = EndpointId::parse(&"1".repeat(32)).unwrap();
    let taken = |at: i64| {
        let take = |_: &i32| pace.take(&one, allowed(9, Some(3)), Timestamp(at)).is_ok();
        (0..10).filter(take).count()
    };

    assert_eq!(taken(0), 3);
    assert_eq!(taken(100), 0);
    assert_eq!(taken(1_000), 3);
}
