//! Removes messages whose jobs are done or have been sent again.

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use fluxgate_core::task::Lane;
use fluxgate_core::{Error, Result};

use super::place::Place;
use super::send::BATCH_MAX;
use super::{Removal, SqsQueue};
use crate::failure::code;

const DELETE: &str = "sqs:DeleteMessage";

impl SqsQueue {
    /// Does nothing for a message that is gone or was received by another consumer since, or if the
    /// runtime removes messages.
    pub(super) async fn delete(&self, lane: Lane, handles: &[String]) -> Result<()> {
        if self.settings.removal == Removal::ByRuntime {
            return Ok(());
        }
        let queue = self.queue(lane)?;
        for batch in handles.chunks(BATCH_MAX) {
            match batch {
                [handle] => self.delete_one(queue, handle).await?,
                batch => self.delete_batch(queue, batch).await?,
            }
        }
        Ok(())
    }

    pub(super) async fn delete_one(&self, queue: Place<'_>, handle: &str) -> Result<()> {
        let deleted = self
            .client
            .delete_message()
            .queue_url(queue.url)
            .receipt_handle(handle)
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(queue.failed(DELETE, &error)),
        }
    }

    async fn delete_batch(&self, queue: Place<'_>, handles: &[String]) -> Result<()> {
        let entries = handles
            .iter()
            .enumerate()
            .map(|(n, handle)| entry(n, handle))
            .collect();
        let answer = self
            .client
            .delete_message_batch()
            .queue_url(queue.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| queue.failed(DELETE, &error))?;
        match answer.failed.iter().find(|refused| !refused.sender_fault) {
            None => Ok(()),
            Some(refused) => {
                let text = format!(
                    "{queue} did not remove a message ({}); it will be redelivered",
                    refused.code
                );
                Err(Error::unavailable("queue_unavailable", text))
            }
        }
    }
}

fn entry(n: usize, handle: &str) -> DeleteMessageBatchRequestEntry {
    DeleteMessageBatchRequestEntry::builder()
        .id(n.to_string())
        .receipt_handle(handle)
        .build()
        .expect("an entry only needs an id and a handle")
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(
        code(error),
        "ReceiptHandleIsInvalid" | "InvalidParameterValue"
    )
}
