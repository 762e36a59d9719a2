//! Sends one event to one target and decides what to do about the answer.

use std::sync::Arc;

use async_trait::async_trait;

use super::jobs::{JobOutcome, Jobs, Worker};
use super::{Context, Views};
use crate::base::error::{Kind, Result};
use crate::base::id::{DeliveryId, TenantId};
use crate::base::metric;
use crate::base::time::Timestamp;
use crate::domain::task::{Job, Task};
use crate::domain::webhook::{
    Attempt, CallbackUrl, Delivery, DeliveryState, Endpoint, SignedHeaders, Target, bare_body,
    standard, standard_body, v3,
};
use crate::port::{CallbackRequest, CallbackSender, Lease, Queue, SendOutcome};

/// Sends callbacks.
pub struct Notifier {
    context: Context,
    pub(crate) jobs: Jobs,
    views: Views,
    callbacks: Arc<dyn CallbackSender>,
}

#[async_trait]
impl Worker for Notifier {
    async fn work(&self, lease: &Lease) -> Result<()> {
        let Job::Deliver { tenant, delivery } = &lease.job else {
            return Jobs::refuse(lease);
        };
        let outcome = self.deliver(tenant, delivery).await;
        self.jobs.settle(lease, outcome).await
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        self.jobs.after_panic(lease).await
    }
}

impl Notifier {
    pub fn new(
        context: Context,
        queue: Arc<dyn Queue>,
        views: Views,
        callbacks: Arc<dyn CallbackSender>,
    ) -> Self {
        Self {
            jobs: Jobs::new(&context, queue),
            context,
            views,
            callbacks,
        }
    }

    /// Makes one attempt at a pending delivery; does nothing for any other.
    pub async fn deliver(&self, tenant: &TenantId, id: &DeliveryId) -> Result<JobOutcome> {
        let (delivery, task) = self.context.deliveries().get(tenant, id).await?;
        if delivery.state != DeliveryState::Pending {
            return Ok(JobOutcome::Done);
        }
        let endpoint = match self.endpoint_of(&delivery).await? {
            Reach::Task => None,
            Reach::Endpoint(endpoint) => Some(*endpoint),
            Reach::Gone(state) => {
                self.context
                    .deliveries()
                    .update(&delivery.moved(state))
                    .await?;
                return Ok(JobOutcome::Done);
            }
        };
        let Some(outgoing) = self.outgoing(&delivery, &task, endpoint.as_ref()).await? else {
            self.context
                .deliveries()
                .update(&delivery.moved(DeliveryState::Exhausted))
                .await?;
            return Ok(JobOutcome::Done);
        };
        let started = self.context.now();
        let outcome = self.callbacks.send(outgoing).await;
        self.conclude(&delivery, endpoint, &outcome, started).await
    }

    async fn endpoint_of(&self, delivery: &Delivery) -> Result<Reach> {
        let Target::Endpoint(id) = &delivery.target else {
            return Ok(Reach::Task);
        };
        let endpoints = &self.context.endpoints();
        let endpoint = match endpoints.get_eventual(&delivery.tenant, id).await {
            // It may have been enabled a moment ago, and a delivery held by mistake would stay held
            // until somebody replays it.
            Ok(endpoint) if !endpoint.enabled => endpoints.get(&delivery.tenant, id).await,
            found => found,
        };
        match endpoint {
            Ok(endpoint) if endpoint.enabled => Ok(Reach::Endpoint(Box::new(endpoint))),
            Ok(_) => Ok(Reach::Gone(DeliveryState::Held)),
            Err(error) if error.kind == Kind::NotFound => Ok(Reach::Gone(DeliveryState::Exhausted)),
            Err(error) => Err(error),
        }
    }

    /// The signed request; `None` for a task callback if the task has no callback URL.
    async fn outgoing(
        &self,
        delivery: &Delivery,
        task: &Task,
        endpoint: Option<&Endpoint>,
    ) -> Result<Option<CallbackRequest>> {
        let prediction = self.views.view_of(task, self.told_at(delivery)).await?;
        let (url, headers, body) = match endpoint {
            Some(endpoint) => {
                let body = standard_body(delivery.event, task, &prediction);
                let headers = standard::sign(
                    &endpoint.secrets,
                    &delivery.message_id(),
                    self.context.now(),
                    &body,
                )?;
                (endpoint.url.clone(), headers, body)
            }
            None => {
                let Some(url) = task.callback.clone() else {
                    return Ok(None);
                };
                let body = bare_body(&prediction);
                let headers = self.sign_as_provider(delivery, &body).await?;
                (url, headers, body)
            }
        };
        Ok(Some(self.request(delivery, url, headers, body)))
    }

    /// The time that determines the body. All attempts send the same bytes, unless the links in
    /// them would soon expire.
    fn told_at(&self, delivery: &Delivery) -> Timestamp {
        let age_ms = self.context.now().since_ms(delivery.created_at);
        if age_ms < self.context.bounds.presign_expires_ms / 2 {
            delivery.created_at
        } else {
            self.context.now()
        }
    }

    async fn sign_as_provider(&self, delivery: &Delivery, body: &[u8]) -> Result<SignedHeaders> {
        let secret = self
            .context
            .tenants()
            .get_eventual(&delivery.tenant)
            .await?
            .webhook_secret;
        Ok(v3::sign(
            &secret,
            &delivery.message_id(),
            self.context.now(),
            body,
        ))
    }

    fn request(
        &self,
        delivery: &Delivery,
        url: CallbackUrl,
        headers: SignedHeaders,
        body: Vec<u8>,
    ) -> CallbackRequest {
        let tenant = delivery.tenant.clone();
        CallbackRequest {
            tenant,
            url,
            headers,
            body,
            timeout_ms: self.context.bounds.callback_timeout_ms,
        }
    }

    async fn conclude(
        &self,
        delivery: &Delivery,
        endpoint: Option<Endpoint>,
        outcome: &SendOutcome,
        started: Timestamp,
    ) -> Result<JobOutcome> {
        let attempt = attempt(outcome, started, self.context.now());
        let (state, after) = match outcome {
            SendOutcome::Answered {
                status: 200..=299, ..
            } => (DeliveryState::Delivered, JobOutcome::Done),
            SendOutcome::Answered { status: 410, .. } => {
                let state = if endpoint.is_some() {
                    DeliveryState::Held
                } else {
                    DeliveryState::Exhausted
                };
                self.disable(endpoint).await?;
                (state, JobOutcome::Done)
            }
            other => self.next_try(delivery, other),
        };
        self.context
            .deliveries()
            .update(&delivery.attempted(attempt, state))
            .await?;
        metric::CALLBACK_ATTEMPTS.count_as(if state == DeliveryState::Delivered {
            "delivered"
        } else {
            "failed"
        });
        Ok(after)
    }

    /// 410 Gone: the receiver wants no more events.
    async fn disable(&self, endpoint: Option<Endpoint>) -> Result<()> {
        let Some(endpoint) = endpoint else {
            return Ok(());
        };
        tracing::warn!(endpoint.id = %endpoint.id, tenant.id = %endpoint.tenant, "endpoint disabled: it answered 410 Gone");
        self.context
            .endpoints()
            .disable(&endpoint.tenant, &endpoint.id)
            .await
    }

    fn next_try(&self, delivery: &Delivery, outcome: &SendOutcome) -> (DeliveryState, JobOutcome) {
        let Some(delay_ms) = self
            .context
            .bounds
            .callback_schedule_ms
            .get(delivery.attempts.len())
        else {
            return (DeliveryState::Exhausted, JobOutcome::Done);
        };
        let asked_ms = match outcome {
            SendOutcome::Answered { retry_after_ms, .. } => retry_after_ms.unwrap_or(0),
            SendOutcome::Failed { .. } => 0,
        };
        let delay_ms = self.jobs.jittered_ms(*delay_ms);
        let delay_ms = delay_ms.max(asked_ms.min(self.context.bounds.retry_after_max_ms));
        (DeliveryState::Pending, JobOutcome::AgainAfterMs(delay_ms))
    }
}

enum Reach {
    /// The task's own callback.
    Task,
    Endpoint(Box<Endpoint>),
    /// Nothing to send to; the delivery moves to this state.
    Gone(DeliveryState),
}

fn attempt(outcome: &SendOutcome, at: Timestamp, now: Timestamp) -> Attempt {
    let (status, error) = match outcome {
        SendOutcome::Answered { status, .. } if (200..300).contains(status) => {
            (Some(*status), None)
        }
        SendOutcome::Answered { status, .. } => (
            Some(*status),
            Some(format!("the receiver answered {status}")),
        ),
        SendOutcome::Failed { reason } => (None, Some(reason.clone())),
    };
    Attempt {
        at,
        duration_ms: now.since_ms(at),
        status,
        error,
    }
}
