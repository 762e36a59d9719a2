//! `TaskStore`: admission and reading.

use fluxgate_core::Kind;
use fluxgate_core::id::{IdempotencyKey, TaskId};
use fluxgate_core::money::{Account, EntryKind, MicroUsd};
use fluxgate_core::port::Admitted;
use fluxgate_core::task::{Admission, Failure, Idempotency, RunEnd, Signal, State, Step, Via};
use fluxgate_core::time::Timestamp;

use super::{
    PRICE, Stores, admission, archived, finished, fresh_run, fresh_task_id, fresh_tenant, now,
};

fn key(text: &str, request: u8, expires_at: Timestamp) -> Option<Idempotency> {
    Some(Idempotency {
        key: IdempotencyKey::parse(text).expect("a valid key"),
        request: [request; 32],
        expires_at,
    })
}

pub async fn an_admission_writes_task_inputs_steps_hold_and_ledger_entry(stores: Stores) {
    let tenant = stores.funded(2).await;

    let task = stores.admitted(&tenant).await;

    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
    assert_eq!(
        stores.tasks.get_eventual(&tenant, &task.id).await.unwrap(),
        task
    );
    assert_eq!(
        stores.tasks.inputs(&tenant, &task.id).await.unwrap(),
        r#"{"prompt":"x"}"#
    );
    assert_eq!(
        stores
            .tasks
            .timeline(&tenant, &task.id)
            .await
            .unwrap()
            .len(),
        2
    );
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            available: PRICE,
            held: PRICE,
            in_flight: 1,
            ..Account::default()
        }
    );
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    let hold = ledger
        .iter()
        .find(|entry| entry.kind == EntryKind::Hold)
        .expect("a hold");
    assert_eq!(
        (hold.reference.as_str(), hold.amount),
        (task.id.as_str(), PRICE)
    );
}

pub async fn an_admission_without_money_writes_nothing(stores: Stores) {
    let tenant = stores.funded(1).await;
    stores.admitted(&tenant).await;
    let second = admission(&tenant);
    let id = second.task.id.clone();

    let error = stores.tasks.admit(second).await.unwrap_err();

    assert_eq!(error.kind, Kind::InsufficientFunds);
    assert_eq!(
        stores.tasks.get(&tenant, &id).await.unwrap_err().kind,
        Kind::NotFound
    );
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}

pub async fn a_key_used_again_for_the_same_request_gives_the_same_task_and_holds_once(
    stores: Stores,
) {
    let tenant = stores.funded(1).await;
    let mut first = admission(&tenant);
    first.idempotency = key("k", 1, now().plus_ms(60_000));
    let mut second = admission(&tenant);
    second.idempotency = key("k", 1, now().plus_ms(60_000));

    let task = stores.admit(first).await.unwrap();
    let again = stores.tasks.admit(second).await.unwrap();

    assert_eq!(again, Admitted::Existing(Box::new(task.clone())));
    let known = key("k", 1, now()).expect("a key");
    assert_eq!(
        stores.tasks.existing(&tenant, &known, now()).await.unwrap(),
        Some(task)
    );
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}

pub async fn a_key_used_again_for_another_request_is_refused(stores: Stores) {
    let tenant = stores.funded(2).await;
    let mut first = admission(&tenant);
    first.idempotency = key("k", 1, now().plus_ms(60_000));
    let mut second = admission(&tenant);
    second.idempotency = key("k", 2, now().plus_ms(60_000));

    stores.tasks.admit(first).await.unwrap();
    let error = stores.tasks.admit(second).await.unwrap_err();

    assert_eq!(error.kind, Kind::KeyReused);
    let other = key("k", 2, now()).expect("a key");
    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &other, now())
            .await
            .unwrap_err()
            .kind,
        Kind::KeyReused
    );
    assert_eq!(
        stores
            .tasks
            .existing(&fresh_tenant(), &other, now())
            .await
            .unwrap(),
        None
    );
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}

pub async fn an_expired_key_is_as_if_it_had_never_been_used(stores: Stores) {
    let tenant = stores.funded(2).await;
    let mut first = admission(&tenant);
    first.idempotency = key("k", 1, Timestamp(now().0 - 1));
    let mut second = admission(&tenant);
    second.idempotency = key("k", 2, now().plus_ms(60_000));

    stores.tasks.admit(first).await.unwrap();

    let expired = key("k", 1, now()).expect("a key");
    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &expired, now())
            .await
            .unwrap(),
        None
    );
    assert!(matches!(
        stores.tasks.admit(second).await.unwrap(),
        Admitted::New(_)
    ));
}

pub async fn an_admission_without_money_leaves_its_key_free(stores: Stores) {
    let tenant = fresh_tenant();
    let keyed = |request| {
        let mut admission = admission(&tenant);
        admission.idempotency = key("k", request, now().plus_ms(60_000));
        admission
    };
    for _ in 0..2 {
        assert_eq!(
            stores.tasks.admit(keyed(1)).await.unwrap_err().kind,
            Kind::InsufficientFunds
        );
    }
    let known = |request| key("k", request, now()).expect("a key");
    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &known(1), now())
            .await
            .unwrap(),
        None
    );

    stores.top_up(&tenant, PRICE, "second").await.unwrap();
    let task = stores.admit(keyed(2)).await.unwrap();

    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &known(2), now())
            .await
            .unwrap(),
        Some(task.clone())
    );
    assert_eq!(
        stores.tasks.admit(keyed(1)).await.unwrap_err().kind,
        Kind::KeyReused
    );
    assert_eq!(stores.tasks.list(&tenant, None, 10).await.unwrap(), [task]);
}

pub async fn of_many_admissions_with_one_key_and_money_for_one_all_give_that_one(stores: Stores) {
    let tenant = stores.funded(1).await;
    let attempts = (0..16).map(|_| {
        let (stores, mut admission) = (stores.clone(), admission(&tenant));
        admission.idempotency = key("k", 1, now().plus_ms(60_000));
        tokio::spawn(async move {
            match stores.tasks.admit(admission).await.unwrap() {
                Admitted::New(task) | Admitted::Existing(task) => task.id,
            }
        })
    });

    let mut ids = std::collections::BTreeSet::new();
    for attempt in attempts.collect::<Vec<_>>() {
        ids.insert(attempt.await.unwrap());
    }

    assert_eq!(ids.len(), 1);
    assert_eq!(stores.tasks.list(&tenant, None, 10).await.unwrap().len(), 1);
}

pub async fn a_key_belongs_to_one_tenant(stores: Stores) {
    let (one, other) = (stores.funded(1).await, stores.funded(1).await);
    let mut first = admission(&one);
    first.idempotency = key("k", 1, now().plus_ms(60_000));
    let mut second = admission(&other);
    second.idempotency = key("k", 2, now().plus_ms(60_000));

    stores.tasks.admit(first).await.unwrap();

    assert!(matches!(
        stores.tasks.admit(second).await.unwrap(),
        Admitted::New(_)
    ));
}

pub async fn of_many_admissions_with_one_key_one_is_new(stores: Stores) {
    let tenant = stores.funded(16).await;
    let attempts = (0..16).map(|_| {
        let (stores, mut admission) = (stores.clone(), admission(&tenant));
        admission.idempotency = key("k", 1, now().plus_ms(60_000));
        tokio::spawn(async move { stores.tasks.admit(admission).await.unwrap() })
    });

    let mut new = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        new += usize::from(matches!(attempt.await.unwrap(), Admitted::New(_)));
    }

    assert_eq!(new, 1);
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}

pub async fn of_many_admissions_only_those_that_are_paid_for_succeed(stores: Stores) {
    let tenant = stores.funded(5).await;
    let attempts = (0..40).map(|_| {
        let (stores, admission) = (stores.clone(), admission(&tenant));
        tokio::spawn(async move { stores.tasks.admit(admission).await })
    });

    let mut accepted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.kind, Kind::InsufficientFunds),
        }
    }

    assert_eq!(accepted, 5);
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            held: MicroUsd(PRICE.0 * 5),
            in_flight: 5,
            ..Account::default()
        }
    );
}

pub async fn another_tenant_s_task_is_not_found(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;
    let stranger = fresh_tenant();

    assert_eq!(
        stores
            .tasks
            .get(&stranger, &task.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert_eq!(
        stores
            .tasks
            .get_eventual(&stranger, &task.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert_eq!(
        stores
            .tasks
            .inputs(&stranger, &task.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert!(
        stores
            .tasks
            .timeline(&stranger, &task.id)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        stores
            .tasks
            .list(&stranger, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        stores
            .tasks
            .get(&tenant, &fresh_task_id())
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
}

pub async fn tasks_are_listed_newest_first_and_page_by_page(stores: Stores) {
    let tenant = stores.funded(5).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stores.admitted(&tenant).await.id);
    }
    ids.sort();
    ids.reverse();

    let first = stores.tasks.list(&tenant, None, 3).await.unwrap();
    let rest = stores
        .tasks
        .list(&tenant, Some(&first[2].id), 3)
        .await
        .unwrap();

    let listed: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|task| task.id.clone())
        .collect();
    assert_eq!(listed, ids);
    let made = first[0].created_at;
    let since = stores
        .tasks
        .list(&tenant, Some(&TaskId::lowest_at(made.plus_ms(1))), 1)
        .await
        .unwrap();
    assert_eq!(
        since[0].id, ids[0],
        "older than a moment, which no task has for its id"
    );
    let older = stores
        .tasks
        .list(&tenant, Some(&TaskId::lowest_at(made)), 10)
        .await
        .unwrap();
    assert!(older.iter().all(|task| task.created_at < made));
}

pub async fn tasks_are_listed_oldest_first_and_page_by_page(stores: Stores) {
    let tenant = stores.funded(5).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stores.admitted(&tenant).await.id);
    }
    ids.sort();

    let first = stores.tasks.list_after(&tenant, None, 3).await.unwrap();
    let rest = stores
        .tasks
        .list_after(&tenant, Some(&first[2].id), 3)
        .await
        .unwrap();

    let listed: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|task| task.id.clone())
        .collect();
    assert_eq!(listed, ids);
    let made = rest[1].created_at;
    let since = stores
        .tasks
        .list_after(&tenant, Some(&TaskId::lowest_at(made)), 10)
        .await
        .unwrap();
    assert!(
        since.iter().all(|task| task.created_at >= made) && since.last() == rest.last(),
        "a moment is no task's id"
    );
    let none = stores
        .tasks
        .list_after(&tenant, Some(&rest[1].id), 10)
        .await
        .unwrap();
    assert_eq!(none, Vec::new(), "nothing is younger than the youngest");
    assert_eq!(
        stores
            .tasks
            .list_after(&fresh_tenant(), None, 10)
            .await
            .unwrap(),
        Vec::new()
    );
}

pub async fn of_many_notes_over_one_timeline_one_is_written(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;
    let lines = stores
        .tasks
        .timeline(&tenant, &task.id)
        .await
        .unwrap()
        .len();
    let notes = (0..12).map(|n| {
        let (stores, task, step) = (
            stores.clone(),
            task.clone(),
            Step::new(now(), "x").detail(n.to_string()),
        );
        tokio::spawn(async move {
            stores
                .tasks
                .note_over(&task.tenant, &task.id, lines, &step)
                .await
        })
    });

    let mut written = 0;
    for note in notes.collect::<Vec<_>>() {
        match note.await.unwrap() {
            Ok(()) => written += 1,
            Err(error) => assert_eq!(error.kind, Kind::Conflict, "{error}"),
        }
    }

    assert_eq!(written, 1);
    assert_eq!(
        stores
            .tasks
            .timeline(&tenant, &task.id)
            .await
            .unwrap()
            .len(),
        lines + 1
    );
    stores
        .tasks
        .note_over(&tenant, &task.id, lines + 1, &Step::new(now(), "y"))
        .await
        .unwrap();
    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
}

pub async fn a_note_is_added_to_the_timeline_and_the_task_stays_as_it_is(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;

    stores
        .tasks
        .note(&tenant, &task.id, &Step::new(now(), "orphaned"))
        .await
        .unwrap();

    let names: Vec<String> = stores
        .tasks
        .timeline(&tenant, &task.id)
        .await
        .unwrap()
        .into_iter()
        .map(|step| step.name)
        .collect();
    assert_eq!(names, ["admitted", "submit_started", "orphaned"]);
    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
}

pub async fn inputs_stay_with_a_task_that_completed_unless_they_were_large(stores: Stores) {
    let tenant = stores.funded(2).await;
    let large = format!("{{\"image\":\"{}\"}}", "x".repeat(1_000_000));
    let large_task = stores
        .admit(Admission {
            inputs: large.clone(),
            ..admission(&tenant)
        })
        .await
        .unwrap();
    let small_task = stores.admitted(&tenant).await;
    assert_eq!(
        stores.tasks.inputs(&tenant, &large_task.id).await.unwrap(),
        large
    );

    for task in [&large_task, &small_task] {
        let archiving = stores.signal(task, finished(fresh_run())).await;
        assert_eq!(
            stores.signal(&archiving, archived()).await.state,
            State::Completed
        );
    }

    assert_eq!(
        stores.tasks.inputs(&tenant, &large_task.id).await.unwrap(),
        "{}"
    );
    assert_eq!(
        stores.tasks.inputs(&tenant, &small_task.id).await.unwrap(),
        r#"{"prompt":"x"}"#
    );
}

/// Whatever a tenant sends without paying in the end takes no room.
pub async fn inputs_of_a_task_that_did_not_complete_go_with_its_end(stores: Stores) {
    let tenant = stores.funded(6).await;
    for bytes in [1, 50_000, 1_000_000] {
        let inputs = format!("{{\"prompt\":\"{}\"}}", "x".repeat(bytes));
        let admission = || Admission {
            inputs: inputs.clone(),
            ..admission(&tenant)
        };
        let refused = stores.admit(admission()).await.unwrap();
        let cancelled = stores.admit(admission()).await.unwrap();
        assert_eq!(
            stores.tasks.inputs(&tenant, &refused.id).await.unwrap(),
            inputs
        );

        stores
            .signal(
                &refused,
                Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
            )
            .await;
        let end = Signal::RunFailed {
            run: fresh_run(),
            via: Via::Webhook,
            end: RunEnd::Cancelled,
            failure: Failure::new(1403, "cancelled", "text"),
        };
        stores.signal(&cancelled, end).await;

        for task in [&refused, &cancelled] {
            assert_eq!(
                stores.tasks.inputs(&tenant, &task.id).await.unwrap(),
                "{}",
                "of {bytes} bytes"
            );
        }
    }
}
