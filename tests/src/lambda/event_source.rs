//! An event source mapping: takes batches from a queue, invokes the function, and deletes what it
//! did not report as failed.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Function;
use crate::aws_calls::{AwsCalls, queue_named};

/// As the template has it.
const BATCH_MAX: usize = 10;

/// One queue polled into one function, until dropped.
pub struct EventSource {
    polling: JoinHandle<()>,
    polled: Arc<Mutex<Polled>>,
}

/// What the platform did; its requests to SQS are billed to the queue's owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Polled {
    /// Without empty receives.
    pub receives: usize,
    pub messages: usize,
    pub batches: usize,
    /// Each of a batch.
    pub deletes: usize,
    /// Receives and deletes with at least one message that names a group; SQS charges more for
    /// them.
    pub fair: usize,
}

/// From where to where, and how long messages are gathered into one batch.
pub struct Mapping {
    pub sqs: Client,
    pub queue_url: String,
    pub function: Function,
    pub window: Duration,
    /// Lambda polls in the function's role.
    pub calls: AwsCalls,
}

/// What a mapping needs of its function's role; without it Lambda refuses to make one.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const NEEDED: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

impl Mapping {
    /// Whether the function's role allows what a mapping does.
    fn is_allowed(&self) -> bool {
        let name = self.queue_url.rsplit('/').next().unwrap_or_default();
        let (function, queue) = (self.function.name(), queue_named(name));
        let allowed = |action| self.calls.by_platform(function, action, &queue).is_ok();
        NEEDED.into_iter().all(allowed)
    }
}

impl EventSource {
    pub fn start(mapping: Mapping) -> Self {
        let (name, url) = (mapping.function.name(), &mapping.queue_url);
        assert!(mapping.is_allowed(), "{name} may not be woken by {url}");
        let polled = Arc::new(Mutex::new(Polled::default()));
        let book = polled.clone();
        let polling = tokio::spawn(async move {
            loop {
                if !mapping.is_allowed() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
                let batch = gather(&mapping, &book).await;
                if !batch.is_empty() {
                    let deletes = deliver(&mapping, &batch).await;
                    let mut polled = book.lock().unwrap();
                    polled.deletes += deletes;
                    polled.fair += if any_names_group(&batch) { deletes } else { 0 };
                }
            }
        });
        Self { polling, polled }
    }

    /// What it asked of SQS so far.
    pub fn polled(&self) -> Polled {
        *self.polled.lock().unwrap()
    }

    /// One batch of these messages, without a queue's polling; the ids that the function reports as
    /// failed.
    pub async fn invoke_once(
        function: &Function,
        batch: &[Message],
    ) -> Result<Vec<String>, String> {
        let records: Vec<Value> = batch.iter().map(record).collect();
        let answer = function.invoke(json!({ "Records": records })).await?;
        let failures = answer["batchItemFailures"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        Ok(failures
            .iter()
            .map(|item| {
                item["itemIdentifier"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect())
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

/// A batch is full, or the window since its first message is over.
async fn gather(mapping: &Mapping, book: &Mutex<Polled>) -> Vec<Message> {
    let mut batch = take(mapping, BATCH_MAX, book).await;
    let until = Instant::now() + mapping.window;
    while !batch.is_empty() && batch.len() < BATCH_MAX && Instant::now() < until {
        batch.extend(take(mapping, BATCH_MAX - batch.len(), book).await);
    }
    book.lock().unwrap().batches += usize::from(!batch.is_empty());
    batch
}

async fn take(mapping: &Mapping, count_max: usize, book: &Mutex<Polled>) -> Vec<Message> {
    let received = mapping
        .sqs
        .receive_message()
        .queue_url(&mapping.queue_url)
        .max_number_of_messages(i32::try_from(count_max).unwrap())
        .wait_time_seconds(1)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All");
    let messages = receive(received).await;
    let mut polled = book.lock().unwrap();
    polled.receives += usize::from(!messages.is_empty());
    polled.messages += messages.len();
    polled.fair += usize::from(any_names_group(&messages));
    messages
}

fn any_names_group(messages: &[Message]) -> bool {
    let attributes = messages.iter().filter_map(Message::attributes);
    attributes
        .into_iter()
        .any(|attributes| attributes.contains_key(&MessageSystemAttributeName::MessageGroupId))
}

async fn receive(received: ReceiveMessageFluentBuilder) -> Vec<Message> {
    match received.send().await {
        Ok(output) => output.messages.unwrap_or_default(),
        Err(_) => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Vec::new()
        }
    }
}

/// Answers with the number of requests that deleted what was worked on.
async fn deliver(mapping: &Mapping, batch: &[Message]) -> usize {
    // A function that fails as a whole keeps the whole batch on the queue.
    let Ok(failed) = EventSource::invoke_once(&mapping.function, batch).await else {
        return 0;
    };
    let failed: HashSet<&str> = failed.iter().map(String::as_str).collect();
    let worked = batch
        .iter()
        .filter(|message| !failed.contains(message.message_id().unwrap_or_default()));
    let entries: Vec<DeleteMessageBatchRequestEntry> = worked
        .enumerate()
        .map(|(n, message)| entry(n, message))
        .collect();
    if entries.is_empty() {
        return 0;
    }
    let delete = mapping
        .sqs
        .delete_message_batch()
        .queue_url(&mapping.queue_url)
        .set_entries(Some(entries));
    let answer = delete.send().await.expect("the queue deletes");
    assert!(answer.failed.is_empty(), "{:?}", answer.failed);
    1
}

fn entry(n: usize, message: &Message) -> DeleteMessageBatchRequestEntry {
    let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
    entry
        .receipt_handle(message.receipt_handle().unwrap_or_default())
        .build()
        .expect("id and handle are set")
}

fn record(message: &Message) -> Value {
    let attributes: BTreeMap<&str, &String> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
        "awsRegion": "us-east-1",
    })
}
