//! Dead letters: jobs that failed too often, messages that are not jobs, and those that SQS itself
//! moved there.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName as Attribute,
};
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{DEAD_LETTERS_MAX, DeadLetter};
use fluxgate_core::task::Lane;
use fluxgate_core::time::Timestamp;

use super::SqsQueue;
use super::message::Envelope;
use super::place::Place;
use super::receive::WAIT_MAX_S;
use super::send::BATCH_MAX;

/// What is done with letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settling {
    /// Their jobs are sent again before the letters are removed.
    Redrive,
    Delete,
}

/// How long one listing may take, in seconds: until then no letter is received twice, and no other
/// listing sees it.
const LISTING_MAX_S: i32 = 30;

/// The message attribute with the reason. Messages moved by a queue's redrive policy have none.
const REASON: &str = "reason";
const REASON_CHARS_MAX: usize = 1_000;
const RECEIVED_TOO_OFTEN: &str = "received too often";

impl SqsQueue {
    /// Sends a message to the lane's dead-letter queue; the caller removes it from its queue.
    pub(super) async fn bury(
        &self,
        lane: Lane,
        body: &str,
        tenant: Option<&TenantId>,
        reason: &str,
    ) -> Result<()> {
        let queue = self.dead_letter_queue(lane)?;
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(allowed(reason))
            .build();
        self.client
            .send_message()
            .queue_url(queue.url)
            .message_body(body)
            .message_attributes(REASON, reason.expect("an attribute only needs a data type"))
            .set_message_group_id(tenant.map(|tenant| tenant.as_str().to_owned()))
            .send()
            .await
            .map_err(|error| queue.failed("sqs:SendMessage", &error))?;
        Ok(())
    }

    /// Receives the letters, so that each is listed once, and makes them visible again.
    pub(super) async fn list_dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>> {
        let queue = self.dead_letter_queue(lane)?;
        let mut messages = Vec::new();
        while messages.len() < DEAD_LETTERS_MAX {
            match self.take_letters(queue).await? {
                more if more.is_empty() => break,
                more => messages.extend(more),
            }
        }
        self.put_letters_back(queue, &messages).await?;
        messages.sort_by_key(sent_at);
        Ok(messages.iter().map(letter).collect())
    }

    /// Receives letters until these were found, and settles each of them. The others are made
    /// visible again.
    pub(super) async fn settle_letters(
        &self,
        lane: Lane,
        ids: &BTreeSet<String>,
        settling: Settling,
    ) -> Result<BTreeSet<String>> {
        let queue = self.dead_letter_queue(lane)?;
        let (mut settled, mut others) = (BTreeSet::new(), Vec::new());
        let mut found = 0;
        while found < ids.len() && found + others.len() < DEAD_LETTERS_MAX {
            let messages = self.take_letters(queue).await?;
            if messages.is_empty() {
                break;
            }
            for message in messages {
                let id = message.message_id().unwrap_or_default().to_owned();
                let is_wanted = ids.contains(&id);
                found += usize::from(is_wanted);
                if is_wanted && self.settle_letter(queue, &message, settling).await? {
                    settled.insert(id);
                } else {
                    others.push(message);
                }
            }
        }
        self.put_letters_back(queue, &others).await?;
        Ok(settled)
    }

    /// False for a letter that is no job and would only come back.
    async fn settle_letter(
        &self,
        queue: Place<'_>,
        message: &Message,
        settling: Settling,
    ) -> Result<bool> {
        if settling == Settling::Redrive {
            let Ok(envelope) = Envelope::parse(message.body().unwrap_or_default()) else {
                return Ok(false);
            };
            self.send_all(&[self.outgoing(envelope.job, 0, 0)]).await?;
        }
        let handle = message.receipt_handle().unwrap_or_default();
        self.delete_one(queue, handle).await?;
        Ok(true)
    }

    async fn take_letters(&self, queue: Place<'_>) -> Result<Vec<Message>> {
        let answer = self
            .client
            .receive_message()
            .queue_url(queue.url)
            .max_number_of_messages(BATCH_MAX as i32)
            .wait_time_seconds(WAIT_MAX_S)
            .visibility_timeout(LISTING_MAX_S)
            .message_system_attribute_names(Attribute::SentTimestamp)
            .message_attribute_names(REASON)
            .send()
            .await
            .map_err(|error| queue.failed("sqs:ReceiveMessage", &error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn put_letters_back(&self, queue: Place<'_>, messages: &[Message]) -> Result<()> {
        for batch in messages.chunks(BATCH_MAX) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(n, message)| visible_now(n, message))
                .collect();
            self.client
                .change_message_visibility_batch()
                .queue_url(queue.url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| queue.failed("sqs:ChangeMessageVisibility", &error))?;
        }
        Ok(())
    }
}

fn visible_now(n: usize, message: &Message) -> ChangeMessageVisibilityBatchRequestEntry {
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(n.to_string())
        .receipt_handle(message.receipt_handle().unwrap_or_default())
        .visibility_timeout(0)
        .build()
        .expect("an entry only needs an id and a handle")
}

fn sent_at(message: &Message) -> i64 {
    let attribute = message
        .attributes()
        .and_then(|all| all.get(&Attribute::SentTimestamp));
    attribute
        .and_then(|millis| millis.parse().ok())
        .unwrap_or(0)
}

fn letter(message: &Message) -> DeadLetter {
    let envelope = Envelope::parse(message.body().unwrap_or_default()).ok();
    let reason = message
        .message_attributes()
        .and_then(|all| all.get(REASON))
        .and_then(|reason| reason.string_value());
    DeadLetter {
        id: message.message_id().unwrap_or_default().to_owned(),
        job: envelope.map(|envelope| envelope.job),
        reason: reason.unwrap_or(RECEIVED_TOO_OFTEN).to_owned(),
        at: Some(Timestamp(sent_at(message))),
    }
}

/// SQS does not accept empty attributes or control characters.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn allowed(reason: &str) -> String {
    let blank = |c: char| {
        if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') {
            ' '
        } else {
            c
        }
    };
    let text: String = reason.chars().take(REASON_CHARS_MAX).map(blank).collect();
    if text.trim().is_empty() {
        "no reason given".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_made_fit_for_an_attribute() {
        assert_eq!(allowed("the bucket\u{0} is\ngone"), "the bucket  is gone");
        assert_eq!(allowed(" "), "no reason given");
        assert_eq!(
            allowed(&"é".repeat(2_000)).chars().count(),
            REASON_CHARS_MAX
        );
    }
}
