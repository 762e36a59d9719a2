//! The contract of `LineStore`: whoever asks, the answers are those of one line.

use std::collections::BTreeMap;

use fluxgate_core::id::TenantId;
use fluxgate_core::line::{Capacity, LineAnswer, LineQuestion, LineRequest, Turn};

use super::{Stores, fresh_tenant, now};

const TWO_AT_ONCE: Capacity = Capacity { per_minute: None, concurrency: Some(2) };

impl Stores {
    async fn ask_line(&self, question: LineQuestion) -> LineAnswer {
        let request = LineRequest { now: now(), capacity: TWO_AT_ONCE, question };
        self.line.ask(&request).await.expect("the line answers")
    }

    async fn enter_line(&self, tenant: &TenantId) -> LineAnswer {
        self.ask_line(LineQuestion::Enter { tenant: tenant.clone(), weight: 1 }).await
    }
}

fn taken(answer: LineAnswer) -> Turn {
    match answer {
        LineAnswer::Taken(turn) => turn,
        other => panic!("it is not its turn: {other:?}"),
    }
}

fn waiting(answer: LineAnswer) -> Turn {
    match answer {
        LineAnswer::Waits { turn, look_after_ms } if look_after_ms > 0 => turn,
        other => panic!("it does not wait: {other:?}"),
    }
}

pub async fn an_empty_line_gives_the_first_its_turn_and_lets_the_next_wait(stores: Stores) {
    let tenant = fresh_tenant();

    let first = taken(stores.enter_line(&tenant).await);
    taken(stores.enter_line(&tenant).await);
    let third = waiting(stores.enter_line(&tenant).await);
    let look = LineQuestion::Look { tenant: tenant.clone(), turn: third };
    waiting(stores.ask_line(look.clone()).await);
    stores.ask_line(LineQuestion::Leave { tenant: tenant.clone(), turn: first, unused: false }).await;

    assert_eq!(taken(stores.ask_line(look).await).ticket, third.ticket);
}

pub async fn of_many_who_come_at_once_only_those_that_there_is_room_for_get_their_turn(stores: Stores) {
    let tenants: Vec<TenantId> = (0..4).map(|_| fresh_tenant()).collect();

    let asked = tenants.iter().cycle().take(20).cloned().map(|tenant| {
        let stores = stores.clone();
        tokio::spawn(async move { (tenant.clone(), stores.enter_line(&tenant).await) })
    });
    let mut answers = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        answers.push(asked.await.expect("no question panics"));
    }

    assert_eq!(answers.iter().filter(|(_, answer)| matches!(answer, LineAnswer::Taken(_))).count(), 2);
    let mut tickets: Vec<(TenantId, u64)> = answers
        .into_iter()
        .map(|(tenant, answer)| match answer {
            LineAnswer::Taken(turn) | LineAnswer::Waits { turn, .. } => (tenant, turn.ticket),
            LineAnswer::Done => panic!("an answer to another question"),
        })
        .collect();
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), 20, "a ticket was given out twice");
}

pub async fn a_line_is_kept_from_one_question_to_the_next(stores: Stores) {
    let (first, second) = (fresh_tenant(), fresh_tenant());
    taken(stores.enter_line(&first).await);
    taken(stores.enter_line(&first).await);
    let tickets = [waiting(stores.enter_line(&first).await), waiting(stores.enter_line(&first).await)];
    let other = waiting(stores.enter_line(&second).await);

    // Whoever held the two slots is no more.
    stores.ask_line(LineQuestion::Recount { found: BTreeMap::new(), until: u64::MAX }).await;

    let look = |tenant: &TenantId, turn| LineQuestion::Look { tenant: tenant.clone(), turn };
    taken(stores.ask_line(look(&first, tickets[0])).await);
    waiting(stores.ask_line(look(&first, tickets[1])).await);
    taken(stores.ask_line(look(&second, other)).await);
}
