//! An idempotency key on DynamoDB, whose item is written before its task: crashes between the two
//! writes, and requests that come late.

use std::collections::BTreeSet;

use fluxgate_aws::dynamodb::{EndedTasksInTable, Table};
use fluxgate_aws::sqs::EndedTasks as _;
use fluxgate_core::id::{IdempotencyKey, TenantId};
use fluxgate_core::money::{MicroUsd, Payment};
use fluxgate_core::port::{AccountStore as _, Admitted, TaskStore as _};
use fluxgate_core::task::{Admission, Idempotency, Step, Task};
use fluxgate_core::{Error, Kind, Result};
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::{PRICE, admission, budgets, fresh_tenant, now};
use fluxgate_tests::eventually;
use fluxgate_tests::faulty_aws::Fault;
use tokio::task::JoinHandle;

use super::dynamodb::Bed;

/// With the key `k`, for this request.
fn keyed(tenant: &TenantId, request: u8) -> Admission {
    let key = IdempotencyKey::parse("k").unwrap();
    let idempotency = Idempotency {
        key,
        request: [request; 32],
        expires_at: now().plus_ms(60_000),
    };
    Admission {
        idempotency: Some(idempotency),
        ..admission(tenant)
    }
}

impl Bed {
    /// An admission that has written its key and not yet its task.
    async fn between(&self, admission: Admission) -> JoinHandle<Result<Admitted>> {
        let held = self.faulty.holding();
        self.faulty.next("TransactWriteItems", [Fault::Held]);
        let stores = self.by_faulty.clone();
        let admitting = tokio::spawn(async move { stores.tasks.admit(admission).await });
        eventually("the key", || async {
            (self.faulty.holding() > held).then_some(())
        })
        .await;
        admitting
    }

    /// An admission that was killed between its key and its task.
    async fn cut_off(&self, admission: Admission) -> Task {
        let task = admission.task.clone();
        let admitting = self.between(admission).await;
        admitting.abort();
        admitting.await.unwrap_err();
        task
    }
}

#[tokio::test]
async fn a_key_whose_task_was_never_written_passes_to_whoever_comes_with_it() {
    let bed = Bed::start().await;
    for request in [1, 2] {
        let tenant = bed.stores.funded(2).await;
        let gone = bed.cut_off(keyed(&tenant, 1)).await;
        let next = keyed(&tenant, request);
        let idempotency = next.idempotency.clone().unwrap();
        assert_eq!(
            bed.store()
                .existing(&tenant, &idempotency, now())
                .await
                .unwrap(),
            None
        );

        let task = bed.stores.admit(next).await.unwrap();

        let again = bed.store().admit(keyed(&tenant, request)).await.unwrap();
        assert_eq!(again, Admitted::Existing(Box::new(task.clone())));
        assert_eq!(
            bed.store()
                .existing(&tenant, &idempotency, now())
                .await
                .unwrap(),
            Some(task.clone())
        );
        assert_eq!(
            bed.store()
                .admit(keyed(&tenant, 3 - request))
                .await
                .unwrap_err()
                .kind,
            Kind::KeyReused
        );
        assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
        is_nowhere(&bed, &gone, &task).await;
    }
}

/// The placeholder of a task that was never written is not shown as a task.
async fn is_nowhere(bed: &Bed, gone: &Task, only: &Task) {
    let (tenant, store) = (&gone.tenant, bed.store());
    let not_found = |found: Result<(), Error>| assert_eq!(found.unwrap_err().kind, Kind::NotFound);
    not_found(store.get(tenant, &gone.id).await.map(drop));
    not_found(store.get_eventual(tenant, &gone.id).await.map(drop));
    not_found(store.inputs(tenant, &gone.id).await.map(drop));
    not_found(
        store
            .note(tenant, &gone.id, &Step::new(now(), "orphaned"))
            .await,
    );
    assert!(store.timeline(tenant, &gone.id).await.unwrap().is_empty());
    assert_eq!(
        store.list(tenant, None, 10).await.unwrap(),
        std::slice::from_ref(only)
    );
    let holds: BTreeSet<String> = store
        .ledger(tenant)
        .await
        .unwrap()
        .into_iter()
        .map(|line| line.reference)
        .collect();
    assert_eq!(
        holds,
        BTreeSet::from(["first".to_owned(), only.id.to_string()])
    );
    let over = EndedTasksInTable::new(Table::new(bed.ministack.aws().dynamodb(), TABLE));
    assert!(
        over.is_over(tenant, &gone.id).await.unwrap(),
        "its watch would go on for ever"
    );
}

#[tokio::test]
async fn who_is_overtaken_between_its_key_and_its_task_gives_the_other_s_task_and_writes_none() {
    let bed = Bed::start().await;
    for (request, outcome) in [(1, Ok(())), (2, Err(Kind::KeyReused))] {
        let tenant = bed.stores.funded(2).await;
        let slow = bed.between(keyed(&tenant, request)).await;

        let task = bed.stores.admit(keyed(&tenant, 1)).await.unwrap();
        bed.faulty.let_go();
        let late = slow.await.unwrap();

        let expected = outcome.map(|()| Admitted::Existing(Box::new(task.clone())));
        assert_eq!(late.map_err(|error| error.kind), expected);
        let downwards = bed.store().list(&tenant, None, 10).await.unwrap();
        assert_eq!(
            downwards,
            bed.store().list_after(&tenant, None, 10).await.unwrap()
        );
        assert_eq!(downwards, [task]);
        assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
    }
}

#[tokio::test]
async fn of_many_who_find_a_key_without_its_task_one_is_new() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(9).await;
    bed.cut_off(keyed(&tenant, 1)).await;
    let attempts = (0..8).map(|_| {
        let (store, admission) = (bed.store().clone(), keyed(&tenant, 1));
        tokio::spawn(async move { store.admit(admission).await.unwrap() })
    });

    let (mut new, mut existing) = (0, BTreeSet::new());
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Admitted::New(_) => new += 1,
            Admitted::Existing(task) => drop(existing.insert(task.id)),
        }
    }

    let tasks = bed.store().list(&tenant, None, 10).await.unwrap();
    assert_eq!((new, tasks.len()), (1, 1));
    assert_eq!(existing, BTreeSet::from([tasks[0].id.clone()]));
    assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
}

#[tokio::test]
async fn a_key_is_put_taken_over_and_released_once_though_the_answer_was_lost() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    bed.faulty.next("PutItem", [Fault::AnswerLost]);
    bed.cut_off(keyed(&tenant, 1)).await;
    bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);
    bed.by_faulty.admit(keyed(&tenant, 1)).await.unwrap();
    let poor = fresh_tenant();
    bed.faulty.next("DeleteItem", [Fault::AnswerLost]);

    let refused = bed
        .by_faulty
        .tasks
        .admit(keyed(&poor, 1))
        .await
        .unwrap_err();

    assert_eq!(
        (refused.kind, bed.faulty.left()),
        (Kind::InsufficientFunds, 0)
    );
    assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
    bed.stores
        .top_up(&poor, MicroUsd(PRICE.0), "first")
        .await
        .unwrap();
    bed.stores.admit(keyed(&poor, 2)).await.unwrap();
}

/// A refused submit gives its key back; by then it may be another's.
#[tokio::test]
async fn a_refused_submit_does_not_take_the_key_from_who_has_it_now() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    bed.stores.admitted(&tenant).await;
    bed.faulty.next("DeleteItem", [Fault::Held]);
    let stores = bed.by_faulty.clone();
    let poor = keyed(&tenant, 1);
    let refused = tokio::spawn(async move { stores.tasks.admit(poor).await });
    eventually("the refusal", || async {
        (bed.faulty.holding() > 0).then_some(())
    })
    .await;
    bed.stores.top_up(&tenant, PRICE, "second").await.unwrap();

    let task = bed.stores.admit(keyed(&tenant, 1)).await.unwrap();
    bed.faulty.let_go();

    assert_eq!(
        refused.await.unwrap().unwrap_err().kind,
        Kind::InsufficientFunds
    );
    let again = bed.store().admit(keyed(&tenant, 1)).await.unwrap();
    assert_eq!(again, Admitted::Existing(Box::new(task)));
}

/// A tenant that is known to have a budget is refused by what its account says, before any
/// transaction.
#[tokio::test]
async fn an_admission_that_used_up_the_budget_and_comes_again_is_told_as_new_and_keeps_its_key() {
    let bed = Bed::start().await;
    let tenant = fresh_tenant();
    budgets::set(
        &bed.stores,
        &tenant,
        Some(budgets::budget(1, Payment::Postpaid)),
        now(),
    )
    .await
    .unwrap();
    let admission = keyed(&tenant, 1);

    let task = bed.stores.admit(admission.clone()).await.unwrap();
    let again = bed.store().admit(admission).await.unwrap();
    let other = bed.store().admit(keyed(&tenant, 1)).await.unwrap();
    let refused = bed
        .store()
        .admit(budgets::at(&tenant, now()))
        .await
        .unwrap_err();

    assert_eq!(again, Admitted::New(Box::new(task.clone())));
    assert_eq!(other, Admitted::Existing(Box::new(task)));
    assert_eq!(refused.code, "budget_exhausted");
    assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
}
