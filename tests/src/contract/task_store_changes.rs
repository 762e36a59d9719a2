//! `TaskStore::apply`: one change, whole or not at all.

use fluxgate_core::Kind;
use fluxgate_core::id::{DeliveryId, EndpointId, TenantId};
use fluxgate_core::money::{Account, EntryKind};
use fluxgate_core::task::{
    Admission, Change, Copied, Failure, Job, Lane, NOTED_STEPS_MAX, Signal, State, Step, Task, Via,
    transition,
};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, DeliveryState, EventType, Target};

use super::{PRICE, Stores, archived, finished, fresh_run, fresh_tenant, now, output};

fn completed(task: &Task) -> Change {
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
            },
        )
        .await;
    assert_eq!(read().await, doubtful);
    let denied = stores.signal(&doubtful, Signal::Denied { gap_ms: 0 }).await;
    assert_eq!(read().await, denied);
    let twice = stores.signal(&denied, Signal::Denied { gap_ms: 0 }).await;
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

pub async fn a_change_s_jobs_are_sent_with_it_and_only_with_it(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let wanted = Job::Archive {
        tenant: tenant.clone(),
        task: task.id.clone(),
    };

    let received = super::queue::receive_of(&stores, Lane::Archive, &tenant).await;

    assert_eq!(
        received
            .into_iter()
            .map(|lease| lease.job)
            .collect::<Vec<_>>(),
        [wanted]
    );
}

pub async fn a_change_s_deliveries_are_written_with_it(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = completed(&task);
    let delivery = task.delivery(
        DeliveryId::of(&task.id, 0),
        EventType::TaskCompleted,
        Target::TaskCallback,
        now(),
    );
    change.deliver(delivery.clone());

    stores.tasks.apply(&change).await.unwrap();

    assert_eq!(
        stores.deliveries.of_task(&change.task).await.unwrap(),
        std::slice::from_ref(&delivery)
    );
    let received = super::queue::receive_of(&stores, Lane::Notify, &tenant).await;
    assert_eq!(
        received[0].job,
        Job::Deliver {
            tenant,
            delivery: delivery.id
        }
    );
}

pub async fn the_deliveries_of_hundreds_of_endpoints_are_written_with_their_event(stores: Stores) {
    const ENDPOINTS: usize = 300;
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = completed(&task);
    let endpoint =
        |n: usize| Target::Endpoint(EndpointId::parse(&format!("{n:032x}")).expect("a valid id"));
    for n in 0..ENDPOINTS {
        let id = DeliveryId::of(&task.id, n);
        let delivery = task.delivery(id, EventType::TaskCompleted, endpoint(n), now());
        change.deliver(Delivery {
            state: DeliveryState::Held,
            ..delivery
        });
    }

    stores.tasks.apply(&change).await.unwrap();

    let written = stores.deliveries.of_task(&change.task).await.unwrap();
    assert_eq!(written, change.deliveries);
    let last = &change.deliveries[ENDPOINTS - 1];
    assert_eq!(
        stores.deliveries.get(&tenant, &last.id).await.unwrap().0,
        *last
    );
    assert_eq!(
        stores.accounts.account(&tenant).await.unwrap().captured,
        PRICE
    );
}

pub async fn an_end_that_is_still_to_be_told_keeps_its_watch_until_it_is(stores: Stores) {
    let tenant = stores.funded(1).await;
    let admission = Admission {
        watch_after_ms: 0,
        ..super::admission(&tenant)
    };
    let task = stores.admit(admission).await.unwrap();
    let watch = super::queue::receive_of(&stores, Lane::Watch, &tenant)
        .await
        .remove(0);
    let task = stores.signal(&task, finished(fresh_run())).await;
    let mut change = completed(&task);
    change.put_off_events(600_000);

    stores.tasks.apply(&change).await.unwrap();
    stores.queue.again(&watch, &watch.job, 0).await.unwrap();

    let untold = stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert!(untold.untold && untold.state == State::Completed);
    assert_eq!(
        stores.accounts.account(&tenant).await.unwrap().captured,
        PRICE
    );
    let watch = super::queue::receive_of(&stores, Lane::Watch, &tenant)
        .await
        .remove(0);
    let told = stores.signal(&untold, Signal::Announced).await;
    stores.queue.again(&watch, &watch.job, 0).await.unwrap();
    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), told);
    assert_eq!((told.since, told.charged), (change.task.since, PRICE));
    assert!(super::queue::none_of(&stores, Lane::Watch, &tenant).await);
    assert_eq!(
        stores.accounts.ledger(&tenant).await.unwrap().len(),
        3,
        "a top-up, a hold and a capture"
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

pub async fn an_admission_s_wake_is_sent_with_it_and_only_with_it(stores: Stores) {
    let (rich, poor) = (stores.funded(1).await, fresh_tenant());
    let asking = |tenant: &TenantId| Admission {
        wake_after_ms: Some(0),
        ..super::admission(tenant)
    };
    let admission = asking(&rich);
    let task = admission.task.clone();

    stores.tasks.admit(admission).await.unwrap();
    stores.tasks.admit(asking(&poor)).await.unwrap_err();

    let wake = Job::Wake {
        tenant: rich.clone(),
        task: task.id,
        version: task.version,
        round: 0,
    };
    let received = super::queue::receive_of(&stores, Lane::Watch, &rich).await;
    assert_eq!(
        received
            .into_iter()
            .map(|lease| lease.job)
            .collect::<Vec<_>>(),
        [wake]
    );
    assert!(super::queue::none_of(&stores, Lane::Watch, &poor).await);
}

pub async fn the_watch_is_there_from_admission_and_goes_with_the_end(stores: Stores) {
    let tenant = stores.funded(2).await;
    let mut admission = super::admission(&tenant);
    admission.watch_after_ms = 0;
    let task = stores.admit(admission).await.unwrap();

    let watch = super::queue::receive_of(&stores, Lane::Watch, &tenant).await;
    assert_eq!(watch.len(), 1);
    let task = stores.signal(&task, finished(fresh_run())).await;
    stores.signal(&task, archived()).await;
    stores
        .queue
        .again(&watch[0], &watch[0].job, 0)
        .await
        .unwrap();

    assert!(super::queue::none_of(&stores, Lane::Watch, &tenant).await);
}

/// What happens to outputs, in the order in which it may, with the task as each change leaves it.
pub async fn what_becomes_of_outputs_is_read_back_and_settles_once(stores: Stores) {
    let tenant = stores.funded(1).await;
    let mut task = stores.archiving(&tenant).await;
    let fault = Failure::new(5000, "bucket_denied", "allow s3:PutObject");
    let fresh = || Signal::Refreshed {
        sources: vec!["https://cdn.example/fresh.png".to_owned()],
    };
    let failed = || Signal::LinksFailed {
        again: false,
        reason: "output_gone: 404".to_owned(),
    };
    let abandoned = Signal::ArchiveAbandoned {
        fault,
        expires_at: now().plus_ms(604_800_000),
    };
    let copies = vec![Copied {
        n: 0,
        output: output(),
    }];
    let asked = Signal::ArchiveAsked { over: None };
    for signal in [
        failed(),
        fresh(),
        abandoned,
        asked,
        failed(),
        fresh(),
        Signal::Copied { copies },
    ] {
        task = stores.signal(&task, signal).await;
        assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
        assert_eq!(
            stores.tasks.list(&tenant, None, 1).await.unwrap(),
            std::slice::from_ref(&task)
        );
    }

    assert_eq!(
        (task.state, task.outputs.len(), task.links().len()),
        (State::Completed, 1, 0)
    );
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            captured: PRICE,
            ..Account::default()
        }
    );
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    let captures: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.kind == EntryKind::Capture)
        .collect();
    assert_eq!(
        (captures.len(), captures[0].amount, captures[0].at),
        (1, PRICE, task.since)
    );
}

pub async fn of_several_outputs_those_that_are_copied_are_read_back(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = transition(
        &task,
        Signal::LinksFailed {
            again: false,
            reason: "404".to_owned(),
        },
        now(),
    )
    .unwrap();
    change.task.sources = ["a", "b", "c"]
        .map(|name| format!("https://cdn.example/{name}.png"))
        .into();
    stores.tasks.apply(&change).await.unwrap();

    let half = stores
        .signal(
            &change.task,
            Signal::Copied {
                copies: vec![Copied {
                    n: 1,
                    output: output(),
                }],
            },
        )
        .await;
    let read = stores.tasks.get(&tenant, &task.id).await.unwrap();

    assert_eq!(read, half);
    assert_eq!(
        read.to_copy(),
        [
            (0, "https://cdn.example/a.png"),
            (2, "https://cdn.example/c.png")
        ]
    );
}

/// From when it is written, however long the task has been where it is.
pub async fn a_change_s_job_waits_as_long_as_it_is_to(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = transition(
        &task,
        Signal::LinksFailed {
            again: false,
            reason: "404".to_owned(),
        },
        now(),
    )
    .unwrap();
    change.task.since = Timestamp(now().0 - 3_600_000);
    change.wake(
        Job::Wake {
            tenant: tenant.clone(),
            task: task.id.clone(),
            version: change.task.version,
            round: 0,
        },
        600_000,
    );

    stores.tasks.apply(&change).await.unwrap();

    assert!(super::queue::none_of(&stores, Lane::Watch, &tenant).await);
}
