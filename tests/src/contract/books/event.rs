//! What may happen to a tenant's tasks and money.

use fluxgate_core::money::{Budget, MicroUsd, Payment, RollOver, Zone};
use proptest::option;
use proptest::prelude::{Strategy, any, prop_oneof};

/// One thing that happens. Numbers choose among the tasks there are.
#[derive(Debug, Clone)]
pub enum Event {
    TopUp {
        amount: i64,
        reference: u8,
    },
    /// A credit or a debit.
    Adjust {
        is_credit: bool,
        amount: i64,
        reference: u8,
    },
    Void {
        reference: u8,
    },
    /// So much of a hundred of what the task was charged.
    Refund {
        task: usize,
        percent: i64,
    },
    Submit {
        price: i64,
        outputs_asked: u32,
        tasks_in_flight_max: Option<u32>,
    },
    Budget(Option<Terms>),
    /// The gateway's clock goes on, or back.
    Clock {
        hours: i64,
    },
    Accept {
        task: usize,
    },
    Finish {
        task: usize,
        outputs: usize,
    },
    Archive {
        task: usize,
    },
    /// The tenant's bucket refused the outputs for too long.
    Abandon {
        task: usize,
    },
    /// One output comes into the bucket, before or after the end.
    Copy {
        task: usize,
    },
    Fail {
        task: usize,
    },
    GiveUp {
        task: usize,
    },
    /// The task's last change, a second time.
    Again {
        task: usize,
    },
}

/// Of a monthly budget.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    limit: i64,
    /// `Some`: what is left is carried over, up to this.
    roll_over: Option<i64>,
    postpaid: bool,
    zone: usize,
}

impl Terms {
    pub(super) fn budget(self) -> Budget {
        let zones = ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"];
        Budget {
            limit_micro_usd: MicroUsd(self.limit),
            time_zone: Zone::parse(zones[self.zone]).unwrap(),
            roll_over: match self.roll_over {
                None => RollOver::None,
                Some(cap) => RollOver::Unused {
                    cap_micro_usd: Some(MicroUsd(cap)),
                },
            },
            payment: if self.postpaid {
                Payment::Postpaid
            } else {
                Payment::Prepaid
            },
        }
    }
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        1..300_000_i64,
        option::of(1..200_000_i64),
        any::<bool>(),
        0..3_usize,
    )
        .prop_map(|(limit, roll_over, postpaid, zone)| Terms {
            limit,
            roll_over,
            postpaid,
            zone,
        })
}

/// Any event, with amounts small enough to collide.
pub fn events() -> impl Strategy<Value = Event> {
    let task = || any::<u8>().prop_map(usize::from);
    prop_oneof![
        2 => (1..200_000_i64, 0..4_u8)
            .prop_map(|(amount, reference)| Event::TopUp { amount, reference }),
        1 => (any::<bool>(), 1..100_000_i64, 0..4_u8).prop_map(|(is_credit, amount, reference)| {
            Event::Adjust {
                is_credit,
                amount,
                reference,
            }
        }),
        1 => (0..4_u8).prop_map(|reference| Event::Void { reference }),
        2 => (task(), 1..130_i64).prop_map(|(task, percent)| Event::Refund { task, percent }),
        4 => (0..90_000_i64, 1..5_u32, option::of(1..6_u32))
            .prop_map(|(price, outputs_asked, tasks_in_flight_max)| Event::Submit {
                price,
                outputs_asked,
                tasks_in_flight_max,
            }),
        2 => option::weighted(0.8, terms()).prop_map(Event::Budget),
        2 => (-1_500..2_000_i64).prop_map(|hours| Event::Clock { hours }),
        1 => task().prop_map(|task| Event::Accept { task }),
        1 => (task(), 0..5_usize).prop_map(|(task, outputs)| Event::Finish { task, outputs }),
        1 => task().prop_map(|task| Event::Archive { task }),
        1 => task().prop_map(|task| Event::Abandon { task }),
        1 => task().prop_map(|task| Event::Copy { task }),
        1 => task().prop_map(|task| Event::Fail { task }),
        1 => task().prop_map(|task| Event::GiveUp { task }),
        1 => task().prop_map(|task| Event::Again { task }),
    ]
}
