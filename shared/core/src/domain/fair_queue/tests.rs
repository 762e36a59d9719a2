//! The line's promises: fair by weight, in order, within the limits, and nobody starves.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::order::{At, CALLED_MAX_MS};
use super::simulation::{Simulation, tenant};
use super::*;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

fn capacity(per_minute: Option<u32>, concurrency: Option<u32>) -> Capacity {
    Capacity {
        per_minute,
        concurrency,
    }
}

/// Who is called, one after the other, while all have more tasks than are called.
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
            let (served, share) = (
                served(0, to, name) as f64,
                to as f64 * f64::from(weight) / 8.0,
            );
            assert!(
                (served - share).abs() <= 1.0,
                "{name}: {served} of {share} of the first {to}"
            );
        }
        // Over any window, what two tenants got by their weights differs by no more than one task
        // of each.
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

    // Its ticket is the next to be called; what was called before, at most a slot each, may still
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
    let looks = simulation.calls.len();
    assert!(looks < 100 * 1_000, "{looks} looks");
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
        let looks = simulation.calls.len() / 300;
        assert!(
            took <= least * 1.2,
            "{run_ms} ms, {concurrency} at once: {:.2} times the least",
            took / least
        );
        assert!(
            looks <= 200,
            "{run_ms} ms, {concurrency} at once: {looks} looks each"
        );
    }
}

#[test]
fn a_slot_that_was_called_in_vain_is_free_after_a_while_and_its_task_goes_first_when_it_comes() {
    let (late, other) = (tenant("late"), tenant("other"));
    let mut simulation = Simulation::new(capacity(None, Some(1)), 1_000);
    simulation.submit(&other, 1, 1);
    simulation.submit(&late, 1, 3);
    let mut turns = simulation.forget_sleepers(&late);
    turns.sort_by_key(|ticket| ticket.number);
    for _ in 0..4 {
        simulation.submit(&other, 1, 1);
        simulation.run();
        simulation.now += i64::try_from(CALLED_MAX_MS).unwrap();
    }
    assert_eq!(simulation.started.len(), 5, "the others went on");

    // They come after all, the last one first, and find the slot taken.
    simulation.submit(&other, 1, 1);
    for ticket in turns.iter().rev() {
        let answer = simulation.ask(FairQueueQuestion::Check {
            tenant: late.clone(),
            ticket: *ticket,
        });
        assert!(
            matches!(answer, FairQueueAnswer::Waits { .. }),
            "{answer:?}"
        );
    }
    simulation.submit(&late, 1, 1);
    while simulation.line.slots.values().sum::<u32>() > 0 {
        simulation.step();
    }

    let called: Vec<u64> = simulation.line.queues[&late]
        .called
        .keys()
        .copied()
        .collect();
    assert_eq!(called, [turns[0].number]);
}

#[test]
fn a_task_that_gives_up_leaves_no_hole() {
    let (leaving, staying) = (tenant("leaving"), tenant("staying"));
    let mut simulation = Simulation::new(capacity(Some(60), Some(2)), 1_000);
    simulation.submit(&leaving, 1, 50);
    simulation.submit(&staying, 1, 10);

    for ticket in simulation.forget_sleepers(&leaving) {
        simulation.ask(FairQueueQuestion::Leave {
            tenant: leaving.clone(),
            ticket,
            unused: false,
        });
    }
    let from = simulation.now;
    simulation.run();

    assert!(simulation.position(&staying, 9).is_some());
    assert!(
        simulation.started.last().unwrap().at - from <= 12_000,
        "they waited for those who had left"
    );
    assert_eq!(simulation.line.in_use(), 0);
}

#[test]
fn what_was_taken_and_not_used_is_given_back_whole() {
    let acme = tenant("acme");
    let mut simulation = Simulation::new(capacity(Some(1), Some(1)), 1_000);

    for _ in 0..1_000 {
        let FairQueueAnswer::Taken(ticket) = simulation.ask(FairQueueQuestion::Enter {
            tenant: acme.clone(),
            weight: 1,
        }) else {
            panic!("a submit that was refused used the account up");
        };
        simulation.ask(FairQueueQuestion::Leave {
            tenant: acme.clone(),
            ticket,
            unused: true,
        });
    }

    assert_eq!(simulation.line.in_use(), 0);
}

#[test]
fn a_recount_frees_what_no_task_holds_and_never_takes_more() {
    let acme = tenant("acme");
    let mut simulation = Simulation::new(capacity(None, Some(3)), 1_000);
    let turns: Vec<FairQueueAnswer> = (0..3)
        .map(|_| {
            simulation.ask(FairQueueQuestion::Enter {
                tenant: acme.clone(),
                weight: 1,
            })
        })
        .collect();
    let period = slot_period(Timestamp(simulation.now));

    // The process died with two of them. One was found; the period is not over at first.
    let found = BTreeMap::from([(period, 1)]);
    simulation.ask(FairQueueQuestion::Recount {
        found: found.clone(),
        until: period,
    });
    assert_eq!(simulation.line.in_use(), 3);
    simulation.ask(FairQueueQuestion::Recount {
        found,
        until: period + 1,
    });
    assert_eq!(simulation.line.in_use(), 1);
    simulation.ask(FairQueueQuestion::Recount {
        found: BTreeMap::from([(period, 9)]),
        until: u64::MAX,
    });
    assert_eq!(simulation.line.in_use(), 1);

    // A task that gives back what was counted away frees nobody else's.
    for answer in turns {
        let FairQueueAnswer::Taken(ticket) = answer else {
            panic!("{answer:?}")
        };
        simulation.ask(FairQueueQuestion::Leave {
            tenant: acme.clone(),
            ticket,
            unused: false,
        });
    }
    assert_eq!(simulation.line.in_use(), 0);
}

#[test]
fn a_clock_that_was_set_back_stops_nobody() {
    let acme = tenant("acme");
    let mut simulation = Simulation::new(capacity(Some(60), Some(2)), 1_000);
    simulation.now = 10 * 86_400_000;
    simulation.submit(&acme, 1, 20);
    simulation.run_until(|it| it.started.len() >= 5);

    let turns = simulation.forget_sleepers(&acme);
    simulation.now -= 86_400_000;
    let set_back = simulation.now;
    let mut left = turns.len();
    for _ in 0..10_000 {
        simulation.now += 200;
        for ticket in &turns {
            if let FairQueueAnswer::Taken(ticket) = simulation.ask(FairQueueQuestion::Check {
                tenant: acme.clone(),
                ticket: *ticket,
            }) {
                simulation.ask(FairQueueQuestion::Leave {
                    tenant: acme.clone(),
                    ticket,
                    unused: false,
                });
                left -= 1;
            }
        }
        if left == 0 {
            break;
        }
    }

    assert_eq!(left, 0, "{:?}", simulation.line);
    assert!(
        simulation.now - set_back <= 30_000,
        "it took {} ms",
        simulation.now - set_back
    );
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

    /// Whoever comes when, with whatever weight, at whatever limits: all are served, each tenant's
    /// in order and none beyond the limits.
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
                    let allowed = capacity.burst() + u64::try_from(at - begun).unwrap() * u64::from(rate) / 60_000 + 1;
                    prop_assert!(called - before <= allowed, "{} calls in {} ms", called - before, at - begun);
                }
            }
        }
    }
}
