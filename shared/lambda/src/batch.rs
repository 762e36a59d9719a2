//! A batch of queue messages: each is processed separately, and only failed ones are redelivered.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use fluxgate_aws::sqs::{Record, SqsQueue};
use fluxgate_core::Result;
use fluxgate_core::app::{JobProgress, Worker, job_span, job_worked};
use fluxgate_core::task::Lane;
use futures::future::join_all;
use lambda_runtime::{LambdaEvent, service_fn};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::cloudwatch::JOBS_UNSETTLED;
use crate::emf;
use crate::init::InitError;
use crate::xray::sampled;

/// The consumer of one lane: poller, archiver or notifier.
pub struct Consumer {
    pub worker: Arc<dyn Worker>,
    pub queue: Arc<SqsQueue>,
    pub lane: Lane,
}

/// Processes batches until the platform ends the process.
pub async fn serve(consumer: Consumer) -> Result<(), InitError> {
    let consumer = &consumer;
    let handle = |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Instant::now() + remaining(event.context.deadline());
        let xray = event.context.xray_trace_id.as_deref().and_then(sampled);
        let response = consumer.work(event.payload, deadline, xray).await;
        emf::flush();
        Ok::<_, lambda_runtime::Error>(response)
    };
    Ok(lambda_runtime::run(service_fn(handle)).await?)
}

/// How long a batch may take, so that there is time left to report its result.
fn remaining(deadline: SystemTime) -> Duration {
    deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default()
        .saturating_sub(ANSWER_TIME)
}

/// Left of an invocation for that.
pub const ANSWER_TIME: Duration = Duration::from_secs(3);

impl Consumer {
    /// Returns the messages to be redelivered. The platform deletes the others. What is logged
    /// names the trace that the platform keeps of the invocation, if it keeps one.
    pub async fn work(
        &self,
        event: SqsEvent,
        deadline: Instant,
        xray: Option<&str>,
    ) -> SqsBatchResponse {
        let worked = join_all(event.records.into_iter().map(|message| {
            let span = job_span(self.lane);
            span.record("xray.trace_id", xray);
            self.one(message, deadline).instrument(span)
        }))
        .await;
        // Everything is settled; what is not told in time is found by the sweep.
        drop(timeout_at(deadline, self.worker.tell_noted()).await);
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = worked.into_iter().flatten().collect();
        response
    }

    async fn one(&self, message: SqsMessage, deadline: Instant) -> Option<BatchItemFailure> {
        let id = message.message_id.clone().unwrap_or_default();
        let started = Instant::now();
        let settled = timeout_at(deadline, self.settle(message)).await;
        let why = match settled {
            Ok(Ok(worked)) => {
                if let Some(progress) = worked {
                    job_worked(progress, whole_ms(started));
                }
                return None;
            }
            Ok(Err(error)) => error.with_causes(),
            // Without this the platform would time out the function, and the messages that are done
            // would be redelivered too.
            Err(_) => "the function ran out of time".to_owned(),
        };
        tracing::error!(
            message.id = id,
            error = why,
            "a job could not be settled; its message is redelivered"
        );
        job_worked(JobProgress::Made, whole_ms(started));
        JOBS_UNSETTLED.count(self.lane.as_str());
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        Some(failure)
    }

    /// `None` for a message that is no job to work on now: one that is sent on because it is due
    /// later, or one that went to the dead letters.
    async fn settle(&self, message: SqsMessage) -> Result<Option<JobProgress>> {
        let count = message
            .attributes
            .get("ApproximateReceiveCount")
            .and_then(|count| count.parse().ok());
        let record = Record {
            body: message.body.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            receive_count: count.unwrap_or(1),
        };
        match self.queue.accept(self.lane, record).await? {
            Some(lease) => self.worker.work_safely(&lease).await.map(Some),
            None => Ok(None),
        }
    }
}

fn whole_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
