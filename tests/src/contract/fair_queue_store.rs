//! The contract of `FairQueueStore`: all callers share one queue.

use std::collections::BTreeMap;

use fluxgate_core::fair_queue::{
    Capacity, FairQueueAnswer, FairQueueQuestion, FairQueueRequest, Ticket,
};
use fluxgate_core::id::TenantId;

use super::{Stores, fresh_tenant, now};

const TWO_AT_ONCE: Capacity = Capacity {
    per_minute: None,
    concurrency: Some(2),
};

impl Stores {
    async fn ask_fair_queue(&self, question: FairQueueQuestion) -> FairQueueAnswer {
        let request = FairQueueRequest {
            now: now(),
            capacity: TWO_AT_ONCE,
            question,
        };
        self.fair_queue
            .ask(&request)
            .await
            .expect("the line answers")
    }

    async fn join_fair_queue(&self, tenant: &TenantId) -> FairQueueAnswer {
        self.ask_fair_queue(FairQueueQuestion::Enter {
            tenant: tenant.clone(),
            weight: 1,
        })
        .await
    }
}

fn taken(answer: FairQueueAnswer) -> Ticket {
    match answer {
        FairQueueAnswer::Taken(ticket) => ticket,
        other => panic!("it is not its ticket: {other:?}"),
    }
}

fn waiting(answer: FairQueueAnswer) -> Ticket {
    match answer {
        FairQueueAnswer::Waits {
            ticket,
            check_after_ms,
        } if check_after_ms > 0 => ticket,
        other => panic!("it does not wait: {other:?}"),
    }
}

pub async fn an_empty_line_gives_the_first_its_turn_and_lets_the_next_wait(stores: Stores) {
    let tenant = fresh_tenant();

    let first = taken(stores.join_fair_queue(&tenant).await);
    taken(stores.join_fair_queue(&tenant).await);
    let third = waiting(stores.join_fair_queue(&tenant).await);
    let look = FairQueueQuestion::Check {
        tenant: tenant.clone(),
        ticket: third,
    };
    waiting(stores.ask_fair_queue(look.clone()).await);
    stores
        .ask_fair_queue(FairQueueQuestion::Leave {
            tenant: tenant.clone(),
            ticket: first,
            unused: false,
        })
        .await;

    assert_eq!(
        taken(stores.ask_fair_queue(look).await).number,
        third.number
    );
}

pub async fn of_many_who_come_at_once_only_those_that_there_is_room_for_get_their_turn(
    stores: Stores,
) {
    let tenants: Vec<TenantId> = (0..4).map(|_| fresh_tenant()).collect();

    let asked = tenants.iter().cycle().take(20).cloned().map(|tenant| {
        let stores = stores.clone();
        tokio::spawn(async move { (tenant.clone(), stores.join_fair_queue(&tenant).await) })
    });
    let mut answers = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        answers.push(asked.await.expect("no question panics"));
    }

    assert_eq!(
        answers
            .iter()
            .filter(|(_, answer)| matches!(answer, FairQueueAnswer::Taken(_)))
            .count(),
        2
    );
    let mut tickets: Vec<(TenantId, u64)> = answers
        .into_iter()
        .map(|(tenant, answer)| match answer {
            FairQueueAnswer::Taken(ticket) | FairQueueAnswer::Waits { ticket, .. } => {
                (tenant, ticket.number)
            }
            FairQueueAnswer::Done => panic!("an answer to another question"),
        })
        .collect();
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), 20, "a ticket was given out twice");
}

pub async fn a_line_is_kept_from_one_question_to_the_next(stores: Stores) {
    let (first, second) = (fresh_tenant(), fresh_tenant());
    taken(stores.join_fair_queue(&first).await);
    taken(stores.join_fair_queue(&first).await);
    let tickets = [
        waiting(stores.join_fair_queue(&first).await),
        waiting(stores.join_fair_queue(&first).await),
    ];
    let other = waiting(stores.join_fair_queue(&second).await);

    // The holders of the two slots are gone.
    stores
        .ask_fair_queue(FairQueueQuestion::Recount {
            found: BTreeMap::new(),
            until: u64::MAX,
        })
        .await;

    let look = |tenant: &TenantId, ticket| FairQueueQuestion::Check {
        tenant: tenant.clone(),
        ticket,
    };
    taken(stores.ask_fair_queue(look(&first, tickets[0])).await);
    waiting(stores.ask_fair_queue(look(&first, tickets[1])).await);
    taken(stores.ask_fair_queue(look(&second, other)).await);
}

pub async fn the_line_is_read_as_it_was_left(stores: Stores) {
    let (first, second) = (fresh_tenant(), fresh_tenant());
    let empty = stores.fair_queue.read_fair_queue().await.unwrap();
    for tenant in [&first, &first, &first, &second] {
        stores.join_fair_queue(tenant).await;
    }

    let queue = stores.fair_queue.read_fair_queue().await.unwrap();

    assert!(empty.report(now(), TWO_AT_ONCE).waiting.is_empty());
    let report = queue.report(now(), TWO_AT_ONCE);
    assert_eq!(report.slots_taken, 2);
    let waiting = report.waiting.iter().map(|one| (&one.tenant, one.tasks));
    let waiting: BTreeMap<&TenantId, u64> = waiting.collect();
    assert_eq!(waiting, BTreeMap::from([(&first, 1), (&second, 1)]));
}
