//! `TaskStore::apply`: one change, whole or not at all.

use fluxgate_core::Kind;
use fluxgate_core::money::{Account, EntryKind};
use fluxgate_core::task::{
    Change, Failure, NOTED_STEPS_MAX, Signal, State, Step, Task, Via, transition,
};
use fluxgate_core::trace_context::TraceContext;

use super::{PRICE, Stores, admission, archived, finished, fresh_run, now};

pub(super) fn completed(task: &Task) -> Change {
    transition(task, archived(), now()).expect("an archiving task can be completed")
}

pub async fn a_completion_captures_the_hold_once_whoever_comes_again(stores: Stores) {
    let tenant = stores.funded(2).await;
    let task = stores.archiving(&tenant).await;

    stores.tasks.apply(&completed(&task)).await.unwrap();
    let again = stores.tasks.apply(&completed(&task)).await.unwrap_err();

    assert!(again.is(fluxgate_core::Reason::VersionMoved));
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            available: PRICE,
            captured: PRICE,
            ..Account::default()
        }
    );
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(
        ledger
            .iter()
            .filter(|entry| entry.kind == EntryKind::Capture)
            .count(),
        1
    );
}

pub async fn a_failure_releases_the_hold(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;

    let failed = stores
        .signal(
            &task,
            Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
        )
        .await;

    assert_eq!(failed.state, State::Failed);
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            available: PRICE,
            ..Account::default()
        }
    );
}

pub async fn a_change_of_an_outdated_task_is_a_conflict_and_writes_nothing(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;
    let outdated = transition(
        &task,
        Signal::SubmitAmbiguous {
            reason: "x".to_owned(),
            ahead_ms: Some(-90_000),
        },
        now(),
    )
    .unwrap();
    let current = stores
        .signal(
            &task,
            Signal::Accepted {
                run: fresh_run(),
                via: Via::Submit,
            },
        )
        .await;

    let error = stores.tasks.apply(&outdated).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Conflict, "version_conflict")
    );
    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), current);
    assert_eq!(
        stores
            .tasks
            .timeline(&tenant, &task.id)
            .await
            .unwrap()
            .len(),
        3
    );
}

pub async fn of_many_changes_to_one_version_one_is_written(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let attempts = (0..16).map(|_| {
        let (stores, change) = (stores.clone(), completed(&task));
        tokio::spawn(async move { stores.tasks.apply(&change).await })
    });

    let mut written = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        written += usize::from(attempt.await.unwrap().is_ok());
    }

    assert_eq!(written, 1);
    assert_eq!(
        stores.accounts.account(&tenant).await.unwrap().captured,
        PRICE
    );
}

pub async fn what_is_known_of_a_submit_in_doubt_is_kept_until_it_is_over(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;
    let read = async || stores.tasks.get(&tenant, &task.id).await.unwrap();

    let doubtful = stores
        .signal(
            &task,
            Signal::SubmitAmbiguous {
                reason: "x".to_owned(),
                ahead_ms: Some(-90_000),
            },
        )
        .await;
    assert_eq!(read().await, doubtful);
    let denial = || Signal::Denied {
        read_at: super::now(),
        gap_ms: 0,
    };
    let denied = stores.signal(&doubtful, denial()).await;
    assert_eq!(read().await, denied);
    let twice = stores.signal(&denied, denial()).await;
    assert_eq!(read().await, twice);
    let resolved = stores
        .signal(
            &twice,
            Signal::Accepted {
                run: fresh_run(),
                via: Via::Resolve,
            },
        )
        .await;

    assert_eq!(read().await, resolved);
    let denials =
        [&doubtful, &denied, &twice, &resolved].map(|task| task.doubt.map(|doubt| doubt.denials));
    assert_eq!(denials, [Some(0), Some(1), Some(2), None]);
    assert_eq!(doubtful.doubt.map(|doubt| doubt.begun), Some(task.since));
}

pub async fn a_provider_run_belongs_to_the_first_task_that_names_it(stores: Stores) {
    let tenant = stores.funded(2).await;
    let (first, second) = (
        stores.admitted(&tenant).await,
        stores.admitted(&tenant).await,
    );
    let run = fresh_run();
    stores.signal(&first, finished(run.clone())).await;

    let change = transition(&second, finished(run.clone()), now()).unwrap();
    let error = stores.tasks.apply(&change).await.unwrap_err();

    assert_eq!((error.kind, error.code), (Kind::Conflict, "run_claimed"));
    assert_eq!(stores.tasks.get(&tenant, &second.id).await.unwrap(), second);
    let unclaimed = fresh_run();
    assert_eq!(
        stores
            .tasks
            .claimed(&[unclaimed, run.clone()])
            .await
            .unwrap(),
        [run]
    );
}

pub async fn notes_take_no_room_of_a_change(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;
    let mut change = transition(&task, finished(fresh_run()), now()).unwrap();
    change
        .steps
        .extend((0..NOTED_STEPS_MAX).map(|n| Step::new(now(), "x").detail(n.to_string())));
    stores.tasks.apply(&change).await.unwrap();
    let full = stores.tasks.timeline(&tenant, &task.id).await.unwrap();

    stores
        .tasks
        .note(&tenant, &task.id, &Step::new(now(), "one_too_many"))
        .await
        .unwrap();
    assert_eq!(
        stores.tasks.timeline(&tenant, &task.id).await.unwrap(),
        full
    );
    stores.signal(&change.task, archived()).await;

    let timeline = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
    assert_eq!(
        (timeline.len(), timeline[full.len()].name.as_str()),
        (full.len() + 1, "archived")
    );
}

pub async fn the_trace_of_its_client_stays_with_a_task_through_its_changes(stores: Stores) {
    let tenant = stores.funded(3).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let longest = "x".repeat(TraceContext::STATE_BYTES_MAX);

    for trace in [
        None,
        TraceContext::read(parent, None),
        TraceContext::read(parent, Some(&longest)),
    ] {
        let mut asked = admission(&tenant);
        asked.task.trace = trace.clone();
        let task = stores.admit(asked).await.unwrap();
        let task = stores.signal(&task, finished(fresh_run())).await;
        stores.tasks.apply(&completed(&task)).await.unwrap();

        let read = stores.tasks.get(&tenant, &task.id).await.unwrap();
        assert_eq!((read.state, read.trace), (State::Completed, trace));
        let listed = stores.tasks.list(&tenant, None, 1).await.unwrap();
        assert_eq!(listed[0].trace_context(), task.trace_context());
    }
}
