//! Eventually consistent reads may miss the last write. That may cost a second read or a moment,
//! never a wrong answer.

use fluxgate_core::id::{DeliveryId, IdempotencyKey, TenantId};
use fluxgate_core::port::{About, Admitted, DeliveryStore as _, Lease, TaskStore as _};
use fluxgate_core::task::{Admission, Idempotency, Job, Signal, State, Task, Via, transition};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{
    CallbackUrl, Delivery, DeliverySignal, DeliveryState, Endpoint, EndpointKind, EventType, Next,
    Target,
};
use fluxgate_tests::Roles;
use fluxgate_tests::contract::delivery_store::{attempted, moved};
use fluxgate_tests::contract::endpoint_store::endpoint;
use fluxgate_tests::contract::{admission, archived, finished, fresh_run, now};
use fluxgate_tests::faulty_aws::Fault;

use super::batch::roles;
use super::dynamodb::Bed;

impl Bed {
    /// Every read goes through the faulty proxy.
    fn by_late_reads(&self) -> Roles {
        roles(&self.by_faulty, &self.ministack, self.direct.queues.clone()).0
    }

    async fn endpoint(&self, tenant: &TenantId) -> Endpoint {
        let endpoint = Endpoint {
            kind: EndpointKind::Push {
                url: CallbackUrl::parse("https://receiver.example/x").unwrap(),
            },
            ..endpoint(tenant)
        };
        self.stores.endpoints.create(&endpoint, 16).await.unwrap();
        endpoint
    }

    /// Completes the task, with a delivery to this place.
    async fn complete(&self, task: &Task, target: Target) -> (Task, Delivery) {
        let mut change = transition(task, archived(), now()).unwrap();
        let delivery = task.delivery(
            DeliveryId::of(&task.id, 0),
            EventType::TaskCompleted,
            target,
            now(),
        );
        change.deliver(delivery.clone());
        self.store().apply(&change).await.unwrap();
        (change.task, delivery)
    }
}

#[tokio::test]
async fn an_eventual_read_is_not_late_about_whether_there_is_such_a_thing() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let endpoint = bed.endpoint(&tenant).await;
    let archiving = bed.stores.archiving(&tenant).await;
    let (task, delivery) = bed.complete(&archiving, Target::TaskCallback).await;

    bed.faulty.next("GetItem", [Fault::Late; 2]);
    assert_eq!(
        bed.by_faulty
            .tasks
            .get_eventual(&tenant, &task.id)
            .await
            .unwrap(),
        task
    );
    assert_eq!(
        bed.by_faulty
            .endpoints
            .get_eventual(&tenant, &endpoint.id)
            .await
            .unwrap()
            .id,
        endpoint.id
    );
    bed.faulty.next("GetItem", [Fault::Late]);
    assert_eq!(
        bed.by_faulty
            .deliveries
            .get(&tenant, &delivery.id)
            .await
            .unwrap(),
        (delivery, About::Task(Box::new(task)))
    );

    assert_eq!(bed.faulty.left(), 0);
}

#[tokio::test]
async fn a_task_s_deliveries_are_those_of_its_version_at_hand() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let archiving = bed.stores.archiving(&tenant).await;
    bed.by_faulty
        .tasks
        .get_eventual(&tenant, &archiving.id)
        .await
        .unwrap();
    let (task, delivery) = bed.complete(&archiving, Target::TaskCallback).await;
    let tried = attempted(&delivery, 503, Next::RetryAt(now()));
    bed.store().update(&tried, None).await.unwrap();

    bed.faulty.next("GetItem", [Fault::Late]);
    bed.faulty.next("BatchGetItem", [Fault::Late]);
    let late = bed.by_faulty.deliveries.of_task(&task).await.unwrap();

    assert_eq!(
        (late, bed.faulty.left()),
        (vec![delivery], 0),
        "only the attempts may be a moment late"
    );
    assert_eq!(
        bed.by_faulty.deliveries.of_task(&task).await.unwrap(),
        [tried]
    );
}

#[tokio::test]
async fn a_delivery_that_was_held_a_moment_ago_is_told_as_pending() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let archiving = bed.stores.archiving(&tenant).await;
    let (task, delivery) = bed.complete(&archiving, Target::TaskCallback).await;
    let held = moved(&delivery, DeliverySignal::Hold);
    bed.store().update(&held, None).await.unwrap();
    bed.by_faulty
        .deliveries
        .get(&tenant, &delivery.id)
        .await
        .unwrap();
    let again = moved(&held, DeliverySignal::Release);
    bed.store().update(&again, None).await.unwrap();

    bed.faulty.next("BatchGetItem", [Fault::Late]);
    let found = bed
        .by_faulty
        .deliveries
        .get(&tenant, &delivery.id)
        .await
        .unwrap();

    assert_eq!(
        (found, bed.faulty.left()),
        ((again, About::Task(Box::new(task))), 0)
    );
}

/// A wake is for one version of its task, and gone once it has done what that version asks for.
#[tokio::test]
async fn a_wake_takes_the_step_of_the_version_that_it_was_sent_for() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    bed.by_faulty
        .tasks
        .get_eventual(&tenant, &task.id)
        .await
        .unwrap();
    let deferred = Signal::SubmitDeferred {
        reason: "x".to_owned(),
        after_ms: None,
    };
    let task = bed.stores.signal(&task, deferred).await;
    let wake = Job::Wake {
        tenant: tenant.clone(),
        task: task.id.clone(),
        version: task.version,
        round: 0,
    };
    let lease = Lease {
        job: wake,
        handle: String::new(),
        receipt: 0,
        failures: 0,
    };

    bed.faulty.next("GetItem", [Fault::Late]);
    bed.by_late_reads().work(&lease).await.unwrap();

    assert_ne!(
        bed.stores
            .tasks
            .get(&tenant, &task.id)
            .await
            .unwrap()
            .version,
        task.version,
        "it was not submitted"
    );
}

/// A time limit that passed on a late read does not end a task whose run exists by now.
#[tokio::test]
async fn a_run_that_finished_a_moment_ago_is_not_given_up() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let long_ago = Timestamp(now().0 - 7 * 3_600_000);
    let accepted = Signal::Accepted {
        run: fresh_run(),
        via: Via::Submit,
    };
    let change = transition(&task, accepted, long_ago).unwrap();
    bed.store().apply(&change).await.unwrap();
    let roles = bed.by_late_reads();
    bed.by_faulty
        .tasks
        .get_eventual(&tenant, &task.id)
        .await
        .unwrap();
    let archiving = bed
        .stores
        .signal(&change.task, finished(change.task.run.clone().unwrap()))
        .await;

    bed.faulty.next("GetItem", [Fault::Late]);
    let watch = Job::Watch {
        tenant: tenant.clone(),
        task: task.id.clone(),
        round: 3,
    };
    let lease = Lease {
        job: watch,
        handle: String::new(),
        receipt: 0,
        failures: 0,
    };
    roles.work(&lease).await.unwrap();

    assert_eq!(
        (
            bed.stores.tasks.get(&tenant, &task.id).await.unwrap(),
            bed.faulty.left()
        ),
        (archiving, 0)
    );
}

#[tokio::test]
async fn a_key_that_a_late_read_missed_is_found_by_the_admission() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let key = IdempotencyKey::parse("k").unwrap();
    let idempotency = Idempotency {
        key,
        request: [1; 32],
        expires_at: now().plus_ms(60_000),
    };
    let keyed = || Admission {
        idempotency: Some(idempotency.clone()),
        ..admission(&tenant)
    };
    let task = bed.stores.admit(keyed()).await.unwrap();

    bed.faulty.next("GetItem", [Fault::Late]);
    assert_eq!(
        bed.by_faulty
            .tasks
            .existing(&tenant, &idempotency, now())
            .await
            .unwrap(),
        None
    );
    let again = bed.by_faulty.tasks.admit(keyed()).await.unwrap();

    assert_eq!(
        (again, bed.faulty.left()),
        (Admitted::Existing(Box::new(task)), 0)
    );
}

#[tokio::test]
async fn news_of_a_task_that_is_read_late_reach_it() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let run = fresh_run();
    bed.by_faulty
        .tasks
        .get_eventual(&tenant, &task.id)
        .await
        .unwrap();
    bed.stores
        .signal(
            &task,
            Signal::Accepted {
                run: run.clone(),
                via: Via::Submit,
            },
        )
        .await;

    bed.faulty.next("GetItem", [Fault::Late]);
    bed.by_late_reads()
        .receiver()
        .apply_signal(&tenant, &task.id, finished(run))
        .await
        .unwrap();

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(
        bed.stores.tasks.get(&tenant, &task.id).await.unwrap().state,
        State::Archiving
    );
}

/// The job comes right after the change that made it; if it took the task for one that is not yet
/// `archiving`, its copy would wait for the watch.
#[tokio::test]
async fn a_copy_is_begun_though_its_task_is_read_late() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    bed.by_faulty
        .tasks
        .get_eventual(&tenant, &task.id)
        .await
        .unwrap();
    bed.stores.signal(&task, finished(fresh_run())).await;

    bed.faulty.next("GetItem", [Fault::Late]);
    let copied = bed
        .by_late_reads()
        .archiver()
        .archive(&tenant, &task.id)
        .await;

    assert_eq!(bed.faulty.left(), 0);
    assert!(
        copied.is_err(),
        "it has no tenant's bucket to copy into, and has tried"
    );
}

#[tokio::test]
async fn a_callback_to_an_endpoint_that_was_enabled_a_moment_ago_is_sent() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let endpoint = bed.endpoint(&tenant).await;
    let mut disabled = endpoint.clone();
    disabled.version += 1;
    disabled.enabled = false;
    bed.stores.endpoints.update(&disabled).await.unwrap();
    bed.by_faulty
        .endpoints
        .get_eventual(&tenant, &endpoint.id)
        .await
        .unwrap();
    disabled.version += 1;
    disabled.enable(now());
    bed.stores.endpoints.update(&disabled).await.unwrap();
    let archiving = bed.stores.archiving(&tenant).await;
    let (task, delivery) = bed
        .complete(&archiving, Target::Endpoint(endpoint.id))
        .await;

    bed.faulty.next("GetItem", [Fault::Late]);
    bed.by_late_reads()
        .notifier()
        .deliver(&tenant, &delivery.id, delivery.round, 0)
        .await
        .unwrap();

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(
        bed.store().of_task(&task).await.unwrap()[0].state,
        DeliveryState::Delivered
    );
}
