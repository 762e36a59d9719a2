//! `TaskStore`: jobs, watches and deliveries are written with the change or the admission that asks
//! for them.

use fluxgate_core::id::{DeliveryId, EndpointId, TenantId};
use fluxgate_core::task::{Admission, Job, Lane, Signal, State, transition};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, DeliveryState, EventType, Target};

use super::task_store_changes::completed;
use super::{PRICE, Stores, archived, finished, fresh_run, fresh_tenant, now};

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
            delivery: delivery.id,
            round: 0,
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

/// The delay counts from the write, however long the task has been in its state.
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
