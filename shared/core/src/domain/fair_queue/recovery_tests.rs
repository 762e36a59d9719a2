//! Whatever is lost, given back or set back, the queue goes on.

use std::collections::BTreeMap;

use super::order::CALLED_MAX_MS;
use super::simulation::{Simulation, tenant};
use super::tests::capacity;
use super::*;
use crate::base::time::Timestamp;

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
