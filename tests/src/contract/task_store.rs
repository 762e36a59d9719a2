//! `TaskStore`: admission, reading, notes and inputs.

use fluxgate_core::Kind;
use fluxgate_core::money::{Account, EntryKind, MicroUsd};
use fluxgate_core::task::{
    Admission, Failure, RETRY_INPUTS_KEPT_MS, RunEnd, Signal, State, Step, Via, transition,
};

use super::{
    PRICE, Stores, admission, archived, finished, fresh_run, fresh_task_id, fresh_tenant, now,
};

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
                .note_at_length(&task.tenant, &task.id, lines, &step)
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
        .note_at_length(&tenant, &task.id, lines + 1, &Step::new(now(), "y"))
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
            inputs: large.clone().into(),
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

/// Nobody pays for them: they are kept for a retry, if they are small, and for a while.
pub async fn inputs_of_a_task_that_did_not_complete_are_kept_for_a_retry(stores: Stores) {
    let tenant = stores.funded(9).await;
    let refused = || Signal::SubmitRefused(Failure::new(1401, "refused", "text"));
    let cancelled = || Signal::RunFailed {
        run: fresh_run(),
        via: Via::Webhook,
        end: RunEnd::Cancelled,
        failure: Failure::new(1403, "cancelled", "text"),
    };
    let long_ago = now().minus_ms(RETRY_INPUTS_KEPT_MS + 1);
    for (bytes, kept) in [
        (1, true),
        (50_000, true),
        (70_000, false),
        (1_000_000, false),
    ] {
        let inputs = format!("{{\"prompt\":\"{}\"}}", "x".repeat(bytes));
        for (signal, at, kept) in [
            (refused(), now(), kept),
            (cancelled(), now(), kept),
            (refused(), long_ago, false),
        ] {
            let admission = Admission {
                inputs: inputs.clone().into(),
                ..admission(&tenant)
            };
            let task = stores.admit(admission).await.unwrap();
            let before = stores.tasks.inputs(&tenant, &task.id).await.unwrap();
            let end = transition(&task, signal, at).unwrap();

            stores.tasks.apply(&end).await.unwrap();

            let after = stores.tasks.inputs(&tenant, &task.id).await.unwrap();
            let expected = if kept { &*inputs } else { "{}" };
            assert_eq!(before, inputs.as_str());
            assert!(
                after == expected,
                "of {bytes} bytes, ended at {at:?}: {}",
                after.len()
            );
        }
    }
    stores.tasks.expire_inputs(now(), 100).await.unwrap();
    let left = stores.tasks.expire_inputs(now(), 100).await.unwrap();
    assert_eq!(left, 0);
}
