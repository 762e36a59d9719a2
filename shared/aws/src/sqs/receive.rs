//! Receiving: jobs that are due are leased; those that are early, over their tenant's share or
//! unreadable are sent elsewhere.

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Attribute};
use fluxgate_core::port::Lease;
use fluxgate_core::task::Lane;
use fluxgate_core::{Error, Result};
use tokio::time::Instant;

use super::SqsQueue;
use super::message::{Envelope, SendEntry};
use super::send::BATCH_MAX;

/// How long one call waits for a message at most, in seconds; more than zero also makes SQS query
/// all of its servers.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
pub(super) const WAIT_MAX_S: i32 = 1;
/// After this long without a due job an empty result is returned, whatever else was received and
/// sent back.
const RECEIVE_WAIT_MAX: Duration = Duration::from_secs(1);
/// The maximum visibility time-out of a message, in seconds: 12 hours.
const VISIBILITY_MAX_S: u64 = 43_200;
/// How long a job over its tenant's share waits.
const FAIR_SHARE_WAIT_MS: u64 = 2_000;

/// A message as received, or as it is in a Lambda event.
#[derive(Debug, Clone)]
pub struct Record {
    pub body: String,
    pub receipt_handle: String,
    /// SQS's `ApproximateReceiveCount`.
    pub receive_count: u64,
}

impl Record {
    fn of(message: Message) -> Self {
        let receive_count = count(&message);
        Self {
            body: message.body.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            receive_count,
        }
    }

    fn read(&self, lane: Lane) -> Result<Envelope> {
        let envelope = Envelope::parse(&self.body)?;
        let own = envelope.job.lane();
        if own != lane {
            let text = format!(
                "a job of the {} lane is on the {} queue",
                own.as_str(),
                lane.as_str()
            );
            return Err(Error::invalid("message_lane", text));
        }
        Ok(envelope)
    }

    fn lease(self, envelope: Envelope) -> Lease {
        let Envelope { job, failures, .. } = envelope;
        Lease {
            job,
            handle: self.receipt_handle,
            receipt: self.receive_count,
            failures,
        }
    }
}

fn count(message: &Message) -> u64 {
    let attribute = message
        .attributes()
        .and_then(|all| all.get(&Attribute::ApproximateReceiveCount));
    attribute.and_then(|count| count.parse().ok()).unwrap_or(1)
}

impl SqsQueue {
    /// The lease for a record of a Lambda event. `None` if there is nothing to do and the record
    /// counts as done: it was early and has been sent again, or unreadable and is now a dead
    /// letter. After an error it must be reported as failed.
    pub async fn accept(&self, lane: Lane, record: Record) -> Result<Option<Lease>> {
        let envelope = match record.read(lane) {
            Ok(envelope) => envelope,
            Err(error) => {
                return self
                    .bury_unreadable(lane, &record, &error)
                    .await
                    .map(|()| None);
            }
        };
        match envelope.early_ms(self.clock.now()) {
            0 => Ok(Some(record.lease(envelope))),
            early_ms => {
                let again = (self.delayed(envelope, early_ms), record.receipt_handle);
                self.send_back(lane, vec![again]).await.map(|()| None)
            }
        }
    }

    pub(super) async fn receive_due(
        &self,
        lane: Lane,
        max: usize,
        lease_ms: u64,
    ) -> Result<Vec<Lease>> {
        let started = Instant::now();
        loop {
            let records = self.receive_some(lane, max, lease_ms).await?;
            let leases = self.sort(lane, records, lease_ms).await;
            if !leases.is_empty() || started.elapsed() >= RECEIVE_WAIT_MAX {
                return Ok(leases);
            }
        }
    }

    async fn receive_some(&self, lane: Lane, max: usize, lease_ms: u64) -> Result<Vec<Record>> {
        let queue = self.queue(lane)?;
        let answer = self
            .client
            .receive_message()
            .queue_url(queue.url)
            .max_number_of_messages(max.clamp(1, BATCH_MAX) as i32)
            .wait_time_seconds(WAIT_MAX_S)
            .visibility_timeout(lease_ms.div_ceil(1_000).min(VISIBILITY_MAX_S) as i32)
            .message_system_attribute_names(Attribute::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|error| queue.failed("sqs:ReceiveMessage", &error))?;
        Ok(answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(Record::of)
            .collect())
    }

    /// A record that fails is left to be redelivered when its lease runs out; the others continue.
    async fn sort(&self, lane: Lane, records: Vec<Record>, lease_ms: u64) -> Vec<Lease> {
        let (mut leases, mut early) = (Vec::new(), Vec::new());
        for record in records {
            match record.read(lane) {
                Ok(envelope) => match self.wait_ms(lane, &envelope, &record, lease_ms) {
                    0 => leases.push(record.lease(envelope)),
                    wait_ms => early.push((self.delayed(envelope, wait_ms), record.receipt_handle)),
                },
                Err(error) => warn(lane, self.bury_unreadable(lane, &record, &error).await),
            }
        }
        warn(lane, self.send_back(lane, early).await);
        leases
    }

    /// Zero if the job may run now.
    fn wait_ms(&self, lane: Lane, envelope: &Envelope, record: &Record, lease_ms: u64) -> u64 {
        let (now, tenant) = (self.clock.now(), envelope.job.tenant());
        match envelope.early_ms(now) {
            0 if self.shares.take(
                lane,
                tenant,
                &record.receipt_handle,
                now,
                now.plus_ms(lease_ms),
            ) =>
            {
                0
            }
            0 => FAIR_SHARE_WAIT_MS,
            early_ms => early_ms,
        }
    }

    /// Sends messages again and removes the old ones; a crash in between duplicates them. Extending
    /// their visibility time-out would be one call less, but would count as a receive, and the
    /// redrive policy would then move jobs that only waited for their turn to the dead letters.
    async fn send_back(&self, lane: Lane, messages: Vec<(SendEntry, String)>) -> Result<()> {
        let (messages, handles): (Vec<SendEntry>, Vec<String>) = messages.into_iter().unzip();
        self.send_all(&messages).await?;
        self.delete(lane, &handles).await
    }

    async fn bury_unreadable(&self, lane: Lane, record: &Record, error: &Error) -> Result<()> {
        tracing::warn!(
            lane = lane.as_str(),
            error = error.with_causes(),
            "an unreadable message was sent to the dead letters"
        );
        self.bury(lane, &record.body, None, &error.to_string())
            .await?;
        self.delete(lane, std::slice::from_ref(&record.receipt_handle))
            .await
    }
}

fn warn(lane: Lane, outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(
            lane = lane.as_str(),
            error = error.with_causes(),
            "a message could not be handled; it is redelivered when its lease runs out"
        );
    }
}
