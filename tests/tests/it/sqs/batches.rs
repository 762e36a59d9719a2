//! Batches of SQS messages as Lambda hands them to a function.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::types::Message;
use fluxgate_aws::sqs::{EndedTasks, Record, Removal, SqsSettings};
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::Queue as _;
use fluxgate_core::task::{Job, Lane};
use fluxgate_tests::contract::{fresh_task_id, fresh_tenant};

use super::{Bed, LEASE_MS, archive, queue};

/// Answers as the table would after the end of every task.
struct EveryTaskIsOver;

#[async_trait]
impl EndedTasks for EveryTaskIsOver {
    async fn is_over(&self, _tenant: &TenantId, _task: &TaskId) -> Result<bool> {
        Ok(true)
    }
}

#[tokio::test]
async fn a_watch_whose_task_is_over_does_not_go_on_and_other_jobs_do() {
    let bed = Bed::start().await;
    let queue = queue(&bed.ministack, &bed.settings).with_ended_tasks(Arc::new(EveryTaskIsOver));
    let (tenant, task) = (fresh_tenant(), fresh_task_id());
    let wake = Job::Wake {
        tenant: tenant.clone(),
        task: task.clone(),
        version: 3,
        round: 0,
    };
    for job in [
        &Job::Watch {
            tenant,
            task,
            round: 0,
        },
        &wake,
    ] {
        bed.send(job).await;
    }

    for lease in queue.receive(Lane::Watch, 10, LEASE_MS).await.unwrap() {
        queue.again(&lease, &lease.job, 0).await.unwrap();
    }

    let left = queue.receive(Lane::Watch, 10, LEASE_MS).await.unwrap();
    assert_eq!((left.len(), &left[0].job), (1, &wake));
}

#[tokio::test]
async fn a_batch_s_record_is_left_to_its_runtime_and_what_comes_next_is_sent() {
    let bed = Bed::with(|settings| settings.removal = Removal::ByRuntime).await;
    bed.send(&archive(&fresh_tenant())).await;
    let message = bed.messages(bed.archive_url()).await.remove(0);

    let lease = bed
        .queue
        .accept(Lane::Archive, record(&message))
        .await
        .unwrap()
        .expect("it is due");
    bed.queue
        .fail(&lease, 0, "the bucket is gone", 3)
        .await
        .unwrap();
    bed.queue.ack(&lease).await.unwrap();

    let left = bed.messages(bed.archive_url()).await;
    assert_eq!(
        (left.len(), left[0].message_id()),
        (2, message.message_id())
    );
    let next = bed
        .queue
        .accept(Lane::Archive, record(&left[1]))
        .await
        .unwrap()
        .expect("it is due");
    assert_eq!((&next.job, next.failures), (&lease.job, 1));
}

#[tokio::test]
async fn a_batch_s_records_that_are_early_or_no_jobs_count_as_done() {
    let early = |settings: &mut SqsSettings| {
        (settings.delay_max_s, settings.removal) = (1, Removal::ByRuntime)
    };
    let bed = Bed::with(early).await;
    bed.send_after(&archive(&fresh_tenant()), 30_000).await;
    let message = bed.messages(bed.archive_url()).await.remove(0);
    let nonsense = Record {
        body: "nonsense".to_owned(),
        ..record(&message)
    };

    assert_eq!(
        bed.queue
            .accept(Lane::Archive, record(&message))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        bed.queue.accept(Lane::Archive, nonsense).await.unwrap(),
        None
    );
    assert_eq!(
        bed.queue
            .accept(Lane::Notify, record(&message))
            .await
            .unwrap(),
        None
    );

    let delete = bed.sqs.delete_message().queue_url(bed.archive_url());
    let newest = bed.messages(bed.archive_url()).await.remove(0);
    delete
        .receipt_handle(newest.receipt_handle().unwrap())
        .send()
        .await
        .unwrap();
    let sent_again = bed.messages(bed.archive_url()).await;
    assert_eq!(
        (sent_again.len(), sent_again[0].body()),
        (1, message.body())
    );
    assert_eq!(bed.messages(bed.archive_dead_url()).await.len(), 1);
    assert_eq!(bed.queue.dead_letters(Lane::Notify).await.unwrap().len(), 1);
}

fn record(message: &Message) -> Record {
    Record {
        body: message.body().unwrap().to_owned(),
        receipt_handle: message.receipt_handle().unwrap().to_owned(),
        receive_count: 1,
    }
}
