//! Sends messages, ten per call.

use std::time::Duration;

use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use fluxgate_core::port::Ids as _;
use fluxgate_core::retry::{Growing, jittered_ms};
use fluxgate_core::task::{Job, Lane};
use fluxgate_core::{Error, Result};

use super::message::{Envelope, SendEntry};
use super::place::Place;
use super::{DELAY_MAX_S, SqsQueue};

/// Messages per call. Together they may have 1 MiB; ten of ours have about 3 KiB.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
pub(super) const BATCH_MAX: usize = 10;

/// Calls per batch: SQS may accept some messages of a call and not the others.
const BATCH_TRIES_MAX: u32 = 4;
const BATCH_RETRY: Growing = Growing {
    first_ms: 50,
    max_ms: 400,
};

const SEND: &str = "sqs:SendMessage";

impl SqsQueue {
    pub(super) fn outgoing(&self, job: Job, failures: u32, after_ms: u64) -> SendEntry {
        self.delayed(Envelope::new(job, failures), after_ms)
    }

    pub(super) fn delayed(&self, envelope: Envelope, after_ms: u64) -> SendEntry {
        SendEntry::after_ms(
            envelope,
            after_ms,
            self.clock.now(),
            self.settings.delay_max_s.min(DELAY_MAX_S),
        )
    }

    /// Sends all messages, each to the queue of its lane. After an error some of them may have been
    /// sent.
    pub(super) async fn send_all(&self, messages: &[SendEntry]) -> Result<()> {
        for lane in Lane::ALL {
            let of_lane: Vec<&SendEntry> = messages
                .iter()
                .filter(|message| message.envelope.job.lane() == lane)
                .collect();
            for batch in of_lane.chunks(BATCH_MAX) {
                let queue = self.queue(lane)?;
                match batch {
                    [message] => self.send_one(queue, message).await?,
                    batch => self.send_batch(queue, batch).await?,
                }
            }
        }
        Ok(())
    }

    async fn send_one(&self, queue: Place<'_>, message: &SendEntry) -> Result<()> {
        self.client
            .send_message()
            .queue_url(queue.url)
            .message_body(message.envelope.body()?)
            .delay_seconds(message.delay_s)
            .set_message_group_id(message.group())
            .send()
            .await
            .map_err(|error| queue.failed(SEND, &error))?;
        Ok(())
    }

    async fn send_batch(&self, queue: Place<'_>, batch: &[&SendEntry]) -> Result<()> {
        let mut left = batch
            .iter()
            .enumerate()
            .map(|(n, message)| entry(n, message))
            .collect::<Result<Vec<_>>>()?;
        for attempt in 0..BATCH_TRIES_MAX {
            if attempt > 0 {
                let delay_ms = jittered_ms(BATCH_RETRY.delay_ms(attempt - 1), self.entropy.u64());
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            let refused = self.try_batch(queue, left.clone()).await?;
            left.retain(|entry| refused.iter().any(|refused| refused.id() == entry.id()));
            if left.is_empty() {
                return Ok(());
            }
        }
        let text = format!(
            "{queue} did not accept {} of {} jobs; will retry",
            left.len(),
            batch.len()
        );
        Err(Error::unavailable("queue_unavailable", text))
    }

    /// The messages that SQS did not accept but may accept later.
    async fn try_batch(
        &self,
        queue: Place<'_>,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<BatchResultErrorEntry>> {
        let answer = self
            .client
            .send_message_batch()
            .queue_url(queue.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| queue.failed(SEND, &error))?;
        match answer.failed.iter().find(|refused| refused.sender_fault) {
            None => Ok(answer.failed),
            Some(refused) => {
                let text = format!("{queue} refused a job as malformed: {}", refused.code);
                Err(Error::internal("message_refused", text))
            }
        }
    }
}

fn entry(n: usize, message: &SendEntry) -> Result<SendMessageBatchRequestEntry> {
    let entry = SendMessageBatchRequestEntry::builder()
        .id(n.to_string())
        .message_body(message.envelope.body()?)
        .delay_seconds(message.delay_s)
        .set_message_group_id(message.group())
        .build();
    Ok(entry.expect("an entry only needs an id and a body"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
    use axum::extract::State;
    use axum::{Json, Router, routing};
    use fluxgate_core::Kind;
    use fluxgate_core::id::{TaskId, TenantId};
    use fluxgate_core::port::{Entropy, SystemClock};
    use serde_json::{Value, json};

    use super::*;
    use crate::AwsSettings;
    use crate::sqs::{QueueUrls, Removal, SqsSettings};

    struct NoEntropy;

    impl Entropy for NoEntropy {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    /// The messages of each call.
    type Calls = Arc<Mutex<Vec<usize>>>;

    /// Accepts the first message of a batch and defers the others; or refuses all as malformed.
    async fn take_one(
        State((calls, malformed)): State<(Calls, bool)>,
        Json(call): Json<Value>,
    ) -> Json<Value> {
        let entries = call["Entries"].as_array().unwrap();
        calls.lock().unwrap().push(entries.len());
        let taken =
            |entry: &Value| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"});
        let refused = |entry: &Value| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": malformed});
        let (first, rest) = entries.split_at(usize::from(!malformed));
        let (taken, refused): (Vec<_>, Vec<_>) = (
            first.iter().map(taken).collect(),
            rest.iter().map(refused).collect(),
        );
        Json(json!({"Successful": taken, "Failed": refused}))
    }

    async fn send(jobs: usize, malformed: bool) -> (Result<()>, Vec<usize>) {
        let calls = Calls::default();
        let router = Router::new()
            .route("/", routing::post(take_one))
            .with_state((calls.clone(), malformed));
        let router = router.layer(axum::middleware::map_request(as_json));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let keys = SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test"));
        let settings = SqsSettings {
            queues: QueueUrls {
                archive: Some(format!("{endpoint}/1/archive")),
                ..QueueUrls::default()
            },
            dead_letters: QueueUrls::default(),
            delay_max_s: DELAY_MAX_S,
            removal: Removal::Delete,
        };
        let client = AwsSettings::new("us-east-1", Some(endpoint), keys).sqs();
        let queue = SqsQueue::new(client, settings, Arc::new(SystemClock), Arc::new(NoEntropy));
        let (tenant, task) = (
            TenantId::parse("acme").unwrap(),
            TaskId::parse(&"a".repeat(32)).unwrap(),
        );
        let messages: Vec<SendEntry> = (0..jobs)
            .map(|_| {
                queue.outgoing(
                    Job::Archive {
                        tenant: tenant.clone(),
                        task: task.clone(),
                    },
                    0,
                    0,
                )
            })
            .collect();
        let sent = queue.send_all(&messages).await;
        let calls = calls.lock().unwrap().clone();
        (sent, calls)
    }

    /// axum does not recognise SQS's own content type as JSON.
    async fn as_json(mut request: axum::extract::Request) -> axum::extract::Request {
        let json = axum::http::HeaderValue::from_static("application/json");
        request
            .headers_mut()
            .insert(axum::http::header::CONTENT_TYPE, json);
        request
    }

    #[tokio::test]
    async fn what_a_batch_leaves_over_is_sent_again_and_nothing_else() {
        let (sent, calls) = send(3, false).await;

        sent.unwrap();
        assert_eq!(calls, [3, 2, 1]);
    }

    #[tokio::test]
    async fn a_queue_that_keeps_refusing_is_unavailable_after_a_few_tries() {
        let (sent, calls) = send(8, false).await;

        let error = sent.unwrap_err();
        assert_eq!(
            (error.kind, error.code),
            (Kind::Unavailable, "queue_unavailable")
        );
        assert!(
            error.message.contains("did not accept 4 of 8 jobs"),
            "{error}"
        );
        assert_eq!(calls, [8, 7, 6, 5]);
    }

    #[tokio::test]
    async fn a_malformed_message_is_not_tried_again() {
        let (sent, calls) = send(2, true).await;

        assert_eq!(
            (sent.unwrap_err().code, calls),
            ("message_refused", vec![2])
        );
    }
}
