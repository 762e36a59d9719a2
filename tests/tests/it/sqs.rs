//! What is SQS's alone: messages as they lie on the queue, delays over its limit, its own redrives,
//! a Lambda's batches.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use fluxgate_aws::sqs::{OverTasks, QueueUrls, Record, Removal, SqsQueue, SqsSettings};
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{Lease, Queue as _, SystemClock};
use fluxgate_core::task::{Delayed, Job, Lane};
use fluxgate_core::{Kind, Result};
use fluxgate_local::folder::SystemEntropy;
use fluxgate_tests::contract::{fresh_task_id, fresh_tenant, now};
use fluxgate_tests::{Ministack, eventually};

const LEASE_MS: u64 = 60_000;

/// A queue with the settings as a test wants them, and SQS itself.
struct Bed {
    queue: SqsQueue,
    sqs: Client,
    settings: SqsSettings,
    ministack: Ministack,
}

impl Bed {
    async fn with(adjust: impl FnOnce(&mut SqsSettings)) -> Self {
        let ministack = Ministack::start().await;
        let mut settings = ministack.queues().await;
        adjust(&mut settings);
        Self {
            queue: queue(&ministack, &settings),
            sqs: ministack.aws().sqs(),
            settings,
            ministack,
        }
    }

    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn send(&self, job: &Job) {
        self.send_after(job, 0).await;
    }

    async fn send_after(&self, job: &Job, after_ms: u64) {
        self.queue
            .send(&[Delayed {
                job: job.clone(),
                after_ms,
            }])
            .await
            .unwrap();
    }

    async fn receive(&self, lane: Lane) -> Vec<Lease> {
        eventually("a job", || async {
            let leases = self.queue.receive(lane, 10, LEASE_MS).await.unwrap();
            (!leases.is_empty()).then_some(leases)
        })
        .await
    }

    async fn is_empty(&self, lane: Lane) -> bool {
        self.queue
            .receive(lane, 10, LEASE_MS)
            .await
            .unwrap()
            .is_empty()
    }

    fn archive_url(&self) -> &str {
        self.settings.queues.archive.as_deref().unwrap()
    }

    fn archive_dead_url(&self) -> &str {
        self.settings.dead_letters.archive.as_deref().unwrap()
    }

    /// What lies on a queue, with all that SQS tells of it; nothing stays in hand. Waits for what
    /// is delayed, rather than looking again and again: each look counts as a receive.
    async fn messages(&self, url: &str) -> Vec<Message> {
        let receive = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let receive = receive
            .message_attribute_names("All")
            .visibility_timeout(0)
            .wait_time_seconds(5);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }
}

fn queue(ministack: &Ministack, settings: &SqsSettings) -> SqsQueue {
    SqsQueue::new(
        ministack.aws().sqs(),
        settings.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    )
}

fn archive(tenant: &TenantId) -> Job {
    Job::Archive {
        tenant: tenant.clone(),
        task: fresh_task_id(),
    }
}

#[tokio::test]
async fn a_message_names_its_tenant_as_its_group() {
    let bed = Bed::start().await;
    let (one, two) = (fresh_tenant(), fresh_tenant());
    bed.send(&archive(&one)).await;
    let batch: Vec<Delayed> = (0..2)
        .map(|_| Delayed {
            job: archive(&two),
            after_ms: 0,
        })
        .collect();
    bed.queue.send(&batch).await.unwrap();

    let messages = bed.messages(bed.archive_url()).await;

    let group = |message: &Message| {
        message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId].clone()
    };
    let groups: Vec<String> = messages.iter().map(group).collect();
    assert_eq!(groups, [one.as_str(), two.as_str(), two.as_str()]);
}

/// Every task has one, and with a group it would cost a quarter more.
#[tokio::test]
async fn the_first_look_of_a_watch_has_no_group_and_the_later_ones_have() {
    let bed = Bed::start().await;
    let (tenant, task) = (fresh_tenant(), fresh_task_id());
    let watch = |round| Delayed {
        job: Job::Watch {
            tenant: tenant.clone(),
            task: task.clone(),
            round,
        },
        after_ms: 0,
    };
    bed.queue.send(&[watch(0)]).await.unwrap();
    bed.queue.send(&[watch(1), watch(0)]).await.unwrap();

    let messages = bed
        .messages(bed.settings.queues.watch.as_deref().unwrap())
        .await;

    let group = |message: &Message| {
        message
            .attributes()?
            .get(&MessageSystemAttributeName::MessageGroupId)
            .cloned()
    };
    let groups: Vec<Option<String>> = messages.iter().map(group).collect();
    assert_eq!(groups, [None, Some(tenant.to_string()), None]);
}

#[tokio::test]
async fn more_jobs_than_one_call_takes_are_all_sent() {
    let bed = Bed::start().await;
    let tenant = fresh_tenant();
    let mut jobs: Vec<Job> = (0..25).map(|_| archive(&tenant)).collect();
    jobs.push(Job::Watch {
        tenant: tenant.clone(),
        task: fresh_task_id(),
        round: 0,
    });
    let delayed: Vec<Delayed> = jobs
        .iter()
        .map(|job| Delayed {
            job: job.clone(),
            after_ms: 0,
        })
        .collect();

    bed.queue.send(&delayed).await.unwrap();

    let mut received: Vec<Job> = bed
        .receive(Lane::Watch)
        .await
        .into_iter()
        .map(|lease| lease.job)
        .collect();
    while received.len() < jobs.len() {
        received.extend(
            bed.receive(Lane::Archive)
                .await
                .into_iter()
                .map(|lease| lease.job),
        );
    }
    assert!(jobs.iter().all(|job| received.contains(job)));
    assert!(bed.is_empty(Lane::Archive).await);
}

#[tokio::test]
async fn a_job_due_later_than_a_delay_reaches_is_sent_again_until_its_time() {
    let bed = Bed::with(|settings| settings.delay_max_s = 1).await;
    let (job, sent) = (archive(&fresh_tenant()), now());

    bed.send_after(&job, 2_500).await;
    let first_seen = bed.messages(bed.archive_url()).await.remove(0);
    let received = bed.receive(Lane::Archive).await;

    assert!(
        first_seen.body().unwrap().contains(r#""due":"#),
        "{:?}",
        first_seen.body()
    );
    assert_eq!((received.len(), &received[0].job), (1, &job));
    assert!(now().since_ms(sent) >= 2_500);
    bed.queue.ack(&received[0]).await.unwrap();
    assert!(bed.is_empty(Lane::Archive).await);
}

#[tokio::test]
async fn a_message_that_is_no_job_becomes_a_dead_letter_with_its_reason_and_the_rest_goes_on() {
    let bed = Bed::start().await;
    let job = archive(&fresh_tenant());
    bed.sqs
        .send_message()
        .queue_url(bed.archive_url())
        .message_body("{\"v\":7}")
        .send()
        .await
        .unwrap();
    bed.send(&job).await;

    let received = bed.receive(Lane::Archive).await;

    assert_eq!((received.len(), &received[0].job), (1, &job));
    let dead = bed.messages(bed.archive_dead_url()).await;
    assert_eq!((dead.len(), dead[0].body()), (1, Some("{\"v\":7}")));
    let reason = dead[0].message_attributes().unwrap()["reason"]
        .string_value()
        .unwrap();
    assert!(reason.contains("version 7"), "{reason}");
    assert_eq!(bed.queue.dead_letters(Lane::Archive).await.unwrap(), []);
}

#[tokio::test]
async fn what_sqs_itself_redrives_is_a_dead_letter_and_listing_leaves_it_there() {
    let bed = Bed::start().await;
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:archive-dead","maxReceiveCount":1}"#;
    let set = bed.sqs.set_queue_attributes().queue_url(bed.archive_url());
    set.attributes(QueueAttributeName::RedrivePolicy, redrive)
        .send()
        .await
        .unwrap();
    let job = archive(&fresh_tenant());
    bed.send(&job).await;

    let received = bed.queue.receive(Lane::Archive, 10, 1_000).await.unwrap();
    assert_eq!(received.len(), 1);
    let letters = eventually("a dead letter", || async {
        assert!(bed.is_empty(Lane::Archive).await);
        let letters = bed.queue.dead_letters(Lane::Archive).await.unwrap();
        (!letters.is_empty()).then_some(letters)
    })
    .await;

    assert_eq!(
        (&letters[0].job, letters[0].reason.as_str()),
        (&job, "received too often")
    );
    assert_eq!(
        bed.queue.dead_letters(Lane::Archive).await.unwrap(),
        letters
    );
}

#[tokio::test]
async fn a_job_that_is_gone_does_not_go_on() {
    let bed = Bed::start().await;
    bed.send(&archive(&fresh_tenant())).await;
    let lease = bed.receive(Lane::Archive).await.remove(0);
    bed.queue.ack(&lease).await.unwrap();

    bed.queue.again(&lease, &lease.job, 0).await.unwrap();
    bed.queue.fail(&lease, 0, "too late", 1).await.unwrap();

    assert!(bed.is_empty(Lane::Archive).await);
    assert_eq!(bed.queue.dead_letters(Lane::Archive).await.unwrap(), []);
}

/// Answers as the table would after the end of every task.
struct EveryTaskIsOver;

#[async_trait]
impl OverTasks for EveryTaskIsOver {
    async fn is_over(&self, _tenant: &TenantId, _task: &TaskId) -> Result<bool> {
        Ok(true)
    }
}

#[tokio::test]
async fn a_watch_whose_task_is_over_does_not_go_on_and_other_jobs_do() {
    let bed = Bed::start().await;
    let queue = queue(&bed.ministack, &bed.settings).with_over_tasks(Arc::new(EveryTaskIsOver));
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

#[tokio::test]
async fn a_queue_that_was_not_given_or_is_not_there_is_named() {
    let bed = Bed::with(|settings| {
        let missing = settings
            .queues
            .notify
            .as_ref()
            .map(|url| format!("{url}-of-nobody"));
        settings.queues = QueueUrls {
            notify: missing,
            ..QueueUrls::default()
        };
    })
    .await;

    let not_given = bed
        .queue
        .receive(Lane::Archive, 1, LEASE_MS)
        .await
        .unwrap_err();
    let missing = bed
        .queue
        .receive(Lane::Notify, 1, LEASE_MS)
        .await
        .unwrap_err();

    assert_eq!(not_given.kind, Kind::Internal);
    assert!(
        not_given.message.contains("the archive queue"),
        "{not_given}"
    );
    assert_eq!(
        (missing.kind, missing.code),
        (Kind::Unavailable, "queue_unavailable")
    );
    assert!(
        missing
            .message
            .contains("the notify queue 'notify-of-nobody' does not exist"),
        "{missing}"
    );
    assert!(
        missing.with_causes().contains("status 400"),
        "{}",
        missing.with_causes()
    );
}
