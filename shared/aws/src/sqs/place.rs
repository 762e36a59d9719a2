//! Which queue a call is for, and what SQS's errors about it mean. Messages name the lane and the
//! queue, never its whole URL.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use fluxgate_core::task::Lane;
use fluxgate_core::{Error, Result};

use super::SqsQueue;
use crate::clock::clock_skewed;
use crate::failure::{cause, code};

/// A queue or its dead-letter queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) url: &'a str,
    kind: &'static str,
    lane: Lane,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.url.rsplit('/').next().unwrap_or_default();
        write!(f, "the {} {} '{name}'", self.lane.as_str(), self.kind)
    }
}

const QUEUE: &str = "queue";
const DEAD_LETTER_QUEUE: &str = "dead-letter queue";

impl SqsQueue {
    pub(super) fn queue(&self, lane: Lane) -> Result<Place<'_>> {
        place(lane, QUEUE, self.settings.queues.of(lane))
    }

    pub(super) fn dead_letter_queue(&self, lane: Lane) -> Result<Place<'_>> {
        place(lane, DEAD_LETTER_QUEUE, self.settings.dead_letters.of(lane))
    }
}

fn place<'a>(lane: Lane, kind: &'static str, url: Option<&'a str>) -> Result<Place<'a>> {
    let url = url.ok_or_else(|| {
        let text = format!(
            "this function has no URL for the {} {kind}; set it",
            lane.as_str()
        );
        Error::internal("queue_not_configured", text)
    })?;
    Ok(Place { url, kind, lane })
}

impl Place<'_> {
    /// Turns a failed call into an error; `action` is the permission that it needs.
    pub(super) fn failed<E>(&self, action: &str, error: &SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(skewed) = clock_skewed(error) {
            return skewed;
        }
        let text = match code(error) {
            "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
                format!("{self} does not exist; create it, or correct its URL")
            }
            "AccessDenied" | "AccessDeniedException" | "KmsAccessDenied" => {
                format!(
                    "{self} refuses this function; allow {action} on it, and check the queue's own policy and key"
                )
            }
            _ => format!("{self} could not be reached; will retry"),
        };
        Error::unavailable("queue_unavailable", text).source(cause(error))
    }
}
