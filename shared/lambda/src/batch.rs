//! A batch of queue messages: each is worked on by itself, and only those that failed come again.

use std::sync::Arc;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use fluxgate_aws::sqs::{Record, SqsQueue};
use fluxgate_core::Result;
use fluxgate_core::flow::Fluxgate;
use fluxgate_core::job::Lane;
use futures::future::join_all;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::emf;
use crate::init::InitError;

/// One lane's consumer: poller, archiver or notifier.
pub struct Consumer {
    pub fluxgate: Arc<Fluxgate>,
    pub queue: Arc<SqsQueue>,
    pub lane: Lane,
}

/// Works on batches until the platform ends the process.
pub async fn serve(consumer: Consumer) -> Result<(), InitError> {
    let consumer = &consumer;
    let handle = |event: LambdaEvent<SqsEvent>| async move {
        let response = consumer.work(event.payload).await;
        emf::flush();
        Ok::<_, lambda_runtime::Error>(response)
    };
    Ok(lambda_runtime::run(service_fn(handle)).await?)
}

impl Consumer {
    /// The messages that must come again. The platform deletes the others.
    pub async fn work(&self, event: SqsEvent) -> SqsBatchResponse {
        let worked = join_all(event.records.into_iter().map(|message| self.one(message))).await;
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = worked.into_iter().flatten().collect();
        response
    }

    async fn one(&self, message: SqsMessage) -> Option<BatchItemFailure> {
        let id = message.message_id.clone().unwrap_or_default();
        let Err(error) = self.settle(message).await else { return None };
        tracing::error!(
            lane = self.lane.as_str(),
            message.id = id,
            error = error.with_causes(),
            "a message comes again"
        );
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        Some(failure)
    }

    async fn settle(&self, message: SqsMessage) -> Result<()> {
        let count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let record = Record {
            body: message.body.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            receive_count: count.unwrap_or(1),
        };
        match self.queue.accept(self.lane, record).await? {
            Some(lease) => self.fluxgate.work_safely(&lease).await,
            None => Ok(()),
        }
    }
}
