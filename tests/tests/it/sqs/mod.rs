//! What is SQS's alone: messages as they lie on the queue, delays over its limit, its own redrives,
//! a Lambda's batches.

mod batches;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use fluxgate_aws::sqs::{QueueUrls, SqsQueue, SqsSettings};
use fluxgate_core::Kind;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{Lease, Queue as _, SystemClock};
use fluxgate_core::task::{Delayed, Job, Lane};
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

    /// What is no job is listed as a dead letter, stays one when it is redriven, and can be
    /// deleted.
    async fn redrives_nothing_of(&self, lane: Lane) {
        let letters = self.queue.dead_letters(lane).await.unwrap();
        assert_eq!((letters.len(), &letters[0].job), (1, &None));
        let ids = BTreeSet::from([letters[0].id.clone()]);
        let sent = self.queue.redrive(lane, &ids).await.unwrap();
        assert_eq!(sent, BTreeSet::new());
        assert_eq!(self.queue.dead_letters(lane).await.unwrap(), letters);
        let gone = self.queue.delete_dead_letters(lane, &ids).await.unwrap();
        assert_eq!(gone, ids);
        assert_eq!(self.queue.dead_letters(lane).await.unwrap(), []);
    }

    /// The messages of a queue with all their attributes; none stays hidden. Waits for delayed
    /// messages rather than polling, because each receive is counted.
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
    bed.redrives_nothing_of(Lane::Archive).await;
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
        (letters[0].job.as_ref(), letters[0].reason.as_str()),
        (Some(&job), "received too often")
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
