//! DynamoDB did what was asked and its answer was lost: what is written once stays written once.

use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountStore as _, Admitted, TaskStore as _};
use fluxgate_core::task::Signal;
use fluxgate_core::webhook::{DeliveryState, Next};
use fluxgate_tests::contract::delivery_store::attempted;
use fluxgate_tests::contract::{PRICE, admission, archived, finished, fresh_run, now};
use fluxgate_tests::faulty_aws::Fault;

use super::dynamodb::{Bed, delivered_to_two, key};

#[tokio::test]
async fn an_admission_whose_answer_was_lost_is_done_once_and_told_as_new() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    for idempotency in [None, key("k")] {
        let mut admission = admission(&tenant);
        admission.idempotency = idempotency;
        bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);

        assert!(matches!(
            bed.by_faulty.tasks.admit(admission).await.unwrap(),
            Admitted::New(_)
        ));

        assert_eq!(bed.faulty.left(), 0);
    }
    assert_eq!(
        bed.store().account(&tenant).await.unwrap().held,
        MicroUsd(PRICE.0 * 2)
    );
}

#[tokio::test]
async fn an_admission_that_comes_again_is_done_once_and_sent_no_more_when_its_task_has_moved_on() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let admission = admission(&tenant);

    assert!(matches!(
        bed.store().admit(admission.clone()).await.unwrap(),
        Admitted::New(_)
    ));
    assert!(matches!(
        bed.store().admit(admission.clone()).await.unwrap(),
        Admitted::New(_)
    ));
    let admitted = bed
        .stores
        .tasks
        .get(&tenant, &admission.task.id)
        .await
        .unwrap();
    let moved = bed
        .stores
        .signal(
            &admitted,
            Signal::SubmitAmbiguous {
                reason: "x".to_owned(),
                ahead_ms: None,
            },
        )
        .await;
    let again = bed.store().admit(admission).await.unwrap();

    assert_eq!(again, Admitted::Existing(Box::new(moved)));
    assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_succeeds_and_is_written_once() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;

    bed.faulty.next("PutItem", [Fault::AnswerLost]);
    bed.faulty.next("UpdateItem", [Fault::AnswerLost]);
    let task = bed.by_faulty.signal(&task, finished(fresh_run())).await;
    bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);
    let task = bed.by_faulty.signal(&task, archived()).await;

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(bed.stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
    assert_eq!(
        bed.store().timeline(&tenant, &task.id).await.unwrap().len(),
        4
    );
    assert_eq!(bed.store().account(&tenant).await.unwrap().captured, PRICE);
}

#[tokio::test]
async fn a_top_up_and_a_delivery_whose_answers_were_lost_are_written_once() {
    let bed = Bed::start().await;
    bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);
    let tenant = bed.by_faulty.funded(1).await;
    let task = bed.stores.archiving(&tenant).await;
    let delivery = delivered_to_two(&bed, &task).await.remove(0);
    let retried = attempted(&delivery, 500, Next::RetryAt(now()));
    let exhausted = attempted(&retried, 500, Next::Exhausted);

    // By itself, then with the item that lists what was missed.
    for (action, after) in [("PutItem", retried), ("TransactWriteItems", exhausted)] {
        bed.faulty.next(action, [Fault::AnswerLost]);
        let update = bed.by_faulty.deliveries.update(&after, None);
        update.await.unwrap();
    }

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(bed.store().account(&tenant).await.unwrap().total(), PRICE);
    let (written, _) = bed
        .stores
        .deliveries
        .get(&tenant, &delivery.id)
        .await
        .unwrap();
    assert_eq!(
        (written.version, written.state),
        (3, DeliveryState::Exhausted)
    );
}
