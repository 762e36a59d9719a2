//! The fair queue's guarantees: fair by weight, in order, within the limits, no starvation.

use proptest::prelude::*;

use super::order::At;
use super::simulation::{Simulation, tenant};
use super::*;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

pub(super) fn capacity(per_minute: Option<u32>, concurrency: Option<u32>) -> Capacity {
    Capacity {
        per_minute,
        concurrency,
    }
}

/// The sequence of calls while every tenant has more tasks than are called.
fn calls(weights: &[(&str, u32)], count: usize) -> Vec<TenantId> {
    let mut line = FairQueue::default();
    let at = At {
        now: Timestamp(0),
        capacity: capacity(None, Some(1)),
    };
    let blocker = line.enter(&tenant("blocker"), 1, at);
    for (name, weight) in weights {
        for _ in 0..count {
            assert!(line.enter(&tenant(name), *weight, at).waits());
        }
    }
    let (mut ticket, mut of, mut order) = (blocker, tenant("blocker"), Vec::new());
    for _ in 0..count {
        line.leave(&of, ticket, false, at);
        let called = line
            .queues
            .iter()
            .find_map(|(of, queue)| Some((of.clone(), *queue.called.keys().next()?)));
        let (next, number) = called.unwrap();
        ticket = line
            .check(
                &next,
                Ticket {
                    number,
                    weight: 1,
                    taken_at: None,
                },
                at,
            )
            .0;
        assert!(!ticket.waits());
        order.push(next.clone());
        of = next;
    }
    order
}

#[test]
fn tenants_of_weights_1_2_and_5_are_served_so_within_one_task_each_over_any_window() {
    let weights = [("one", 1), ("two", 2), ("five", 5)];

    let order = calls(&weights, 400);

    let served = |from: usize, to: usize, name: &str| {
        order[from..to]
            .iter()
            .filter(|of| of.as_str() == name)
            .count()
    };
    for to in 1..=order.len() {
        for (name, weight) in weights {
            let (served, fair_share) = (
                served(0, to, name) as f64,
                to as f64 * f64::from(weight) / 8.0,
            );
            assert!(
                (served - fair_share).abs() <= 1.0,
                "{name}: {served} of {fair_share} of the first {to}"
            );
        }
        // Over any window, the service of two tenants, divided by weight, differs by at most one
        // task of each.
        for from in to.saturating_sub(80)..to {
            let got =
                weights.map(|(name, weight)| (served(from, to, name) as f64, f64::from(weight)));
            for (one, other) in [(got[0], got[1]), (got[0], got[2]), (got[1], got[2])] {
                let apart = (one.0 / one.1 - other.0 / other.1).abs();
                assert!(
                    apart <= 1.0 / one.1 + 1.0 / other.1 + 1e-9,
                    "{one:?} and {other:?} in {from}..{to}"
                );
            }
        }
    }
}

#[test]
fn a_single_task_goes_next_however_long_the_other_tenant_s_burst_is() {
    let (burst, single) = (tenant("burst"), tenant("single"));
    let mut simulation = Simulation::new(capacity(None, Some(4)), 10_000);
    simulation.submit(&burst, 1, 1_000);
    simulation.run_until(|it| it.started.len() >= 40);

    let (before, submitted_at) = (simulation.started.len(), simulation.now);
    simulation.submit(&single, 1, 1);
    simulation.run_until(|it| it.position(&single, 0).is_some());

    // Its ticket is the next to be called; tickets called before, at most one per slot, may still
    // come in between.
    let position = simulation.position(&single, 0).unwrap();
    assert!(
        position - before <= 4,
        "{} of the burst went before",
        position - before
    );
    let waited = simulation.started[position].at - submitted_at;
    assert!(
        waited <= 2 * 10_000,
        "it waited {waited} ms for a run of 10,000"
    );
}

#[test]
fn at_ten_a_minute_a_burst_of_a_thousand_takes_its_hundred_minutes_and_no_look_is_wasted_on_it() {
    let (burst, single) = (tenant("burst"), tenant("single"));
    let mut simulation = Simulation::new(capacity(Some(10), None), 5_000);
    let begun = simulation.now;
    simulation.submit(&burst, 1, 1_000);
    simulation.run_until(|it| it.started.len() >= 100);
    let (before, submitted_at) = (simulation.started.len(), simulation.now);
    simulation.submit(&single, 1, 1);

    simulation.run();

    let position = simulation.position(&single, 0).unwrap();
    assert!(
        position - before <= 1,
        "{} of the burst went before",
        position - before
    );
    assert!(simulation.started[position].at - submitted_at <= 2 * 6_000);
    let minutes = (simulation.started.last().unwrap().at - begun) / 60_000;
    assert!((100..=103).contains(&minutes), "{minutes} minutes");
    let checks = simulation.calls.len();
    assert!(checks < 100 * 1_000, "{checks} checks");
}

#[test]
fn a_backlog_is_worked_off_nearly_as_fast_as_the_account_allows() {
    for (run_ms, concurrency) in [(200, 4), (5_000, 1), (10_000, 4), (60_000, 20), (90_000, 2)] {
        let mut simulation = Simulation::new(capacity(None, Some(concurrency)), run_ms);
        let begun = simulation.now;
        simulation.submit(&tenant("a"), 1, 150);
        simulation.submit(&tenant("b"), 3, 150);
        simulation.run();

        let took = (simulation.now - begun) as f64;
        let least = 300.0 / f64::from(concurrency) * run_ms as f64;
        let checks = simulation.calls.len() / 300;
        assert!(
            took <= least * 1.2,
            "{run_ms} ms, {concurrency} at once: {:.2} times the least",
            took / least
        );
        assert!(
            checks <= 200,
            "{run_ms} ms, {concurrency} at once: {checks} checks each"
        );
    }
}

#[test]
fn a_line_that_nobody_stands_in_remembers_no_tenant() {
    let mut simulation = Simulation::new(capacity(Some(6_000), Some(50)), 100);

    for n in 0..500 {
        simulation.submit(&tenant(&format!("t{n}")), 1, 2);
    }
    simulation.run();

    assert_eq!(simulation.started.len(), 1_000);
    assert!(
        simulation.line.queues.is_empty() && simulation.line.slots.is_empty(),
        "{:?}",
        simulation.line
    );
    assert!(serde_json::to_string(&simulation.line).unwrap().len() < 300);
}

#[test]
fn a_stored_line_is_read_back_as_it_was() {
    let mut simulation = Simulation::new(capacity(Some(10), Some(2)), 1_000);
    simulation.submit(&tenant("a"), 1, 5);
    simulation.submit(&tenant("b"), 3, 5);

    let text = serde_json::to_string(&simulation.line).unwrap();

    assert_eq!(
        serde_json::from_str::<FairQueue>(&text).unwrap(),
        simulation.line
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whoever arrives when, with any weight and any limits: all are served, each tenant's tasks in
    /// order, and never beyond the limits.
    #[test]
    fn all_are_served_in_order_and_within_the_limits(
        per_minute in prop::option::of(1_u32..600),
        concurrency in prop::option::of(1_u32..8),
        run_ms in 1_i64..20_000,
        bursts in prop::collection::vec((0_usize..4, 1_u32..9, 1_usize..30, 0_usize..20), 1..8),
    ) {
        let capacity = Capacity { per_minute, concurrency };
        let mut simulation = Simulation::new(capacity, run_ms);
        let mut submitted = 0;
        for (who, weight, count, steps) in bursts {
            simulation.submit(&tenant(["a", "b", "c", "d"][who]), weight, count);
            submitted += count;
            (0..steps).for_each(|_| { simulation.step(); });
        }

        simulation.run();

        prop_assert_eq!(simulation.started.len(), submitted);
        prop_assert_eq!(simulation.line.in_use(), 0);
        if let Some(rate) = per_minute {
            let calls = &simulation.calls;
            for (from, (begun, before)) in calls.iter().enumerate().step_by(7) {
                for (at, called) in calls[from..].iter().step_by(5) {
                    let passed_ms = u64::try_from(at - begun).unwrap();
                    let allowed = capacity.burst() + passed_ms * u64::from(rate) / 60_000 + 1;
                    prop_assert!(called - before <= allowed, "{} calls in {} ms", called - before, at - begun);
                }
            }
        }
    }
}
