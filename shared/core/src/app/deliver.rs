//! Sends one event to one place, and decides what to do about the answer.

use super::Fluxgate;
use crate::base::error::{Kind, Result};
use crate::base::id::{DeliveryId, TenantId};
use crate::base::metric::count;
use crate::base::retry::jittered_ms;
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Task};
use crate::domain::webhook::{
    Attempt, CallbackUrl, Delivery, DeliveryState, Endpoint, SignedHeaders, Target, bare_body, standard, standard_body,
    v3,
};
use crate::port::{CallbackRequest, Ids as _, SendOutcome};

/// What the queue is to do with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    AgainAfterMs(u64),
}

/// A delivery without an attempt after this long has lost its job.
const UNTRIED_MAX_MS: u64 = 60_000;

impl Fluxgate {
    /// Makes one attempt of a pending delivery; of any other it does nothing.
    pub async fn deliver(&self, tenant: &TenantId, id: &DeliveryId) -> Result<JobOutcome> {
        let (delivery, task) = self.ports.store.deliveries().get(tenant, id).await?;
        if delivery.state != DeliveryState::Pending {
            return Ok(JobOutcome::Done);
        }
        let endpoint = match self.endpoint_of(&delivery).await? {
            Reach::Task => None,
            Reach::Endpoint(endpoint) => Some(*endpoint),
            Reach::Gone(state) => {
                self.ports.store.deliveries().update(&delivery.moved(state)).await?;
                return Ok(JobOutcome::Done);
            }
        };
        let Some(outgoing) = self.outgoing(&delivery, &task, endpoint.as_ref()).await? else {
            self.ports.store.deliveries().update(&delivery.moved(DeliveryState::Exhausted)).await?;
            return Ok(JobOutcome::Done);
        };
        let started = self.now();
        let outcome = self.ports.callbacks.send(outgoing).await;
        self.conclude(&delivery, endpoint, &outcome, started).await
    }

    /// Sends the jobs of deliveries that nobody has tried for a while: where jobs are sent after the change that makes them, a
    /// crash between loses them. Answers when to look again, if some are too young to tell.
    pub(super) async fn resend_lost_deliveries(&self, task: &Task) -> Result<Option<u64>> {
        let deliveries = self.ports.store.deliveries().of_task(task).await?;
        let untried = |delivery: &&Delivery| delivery.state == DeliveryState::Pending && delivery.attempts.is_empty();
        let (lost, young): (Vec<&Delivery>, Vec<&Delivery>) = deliveries
            .iter()
            .filter(untried)
            .partition(|delivery| self.now().since_ms(delivery.created_at) >= UNTRIED_MAX_MS);
        let jobs: Vec<Delayed> =
            lost.into_iter().map(|delivery| Delayed { job: delivery.job(), after_ms: 0 }).collect();
        if !jobs.is_empty() {
            self.ports.queue.send(&jobs).await?;
        }
        Ok((!young.is_empty()).then_some(UNTRIED_MAX_MS))
    }

    async fn endpoint_of(&self, delivery: &Delivery) -> Result<Reach> {
        let Target::Endpoint(id) = &delivery.target else { return Ok(Reach::Task) };
        let endpoints = &self.ports.store.endpoints();
        let endpoint = match endpoints.get_eventual(&delivery.tenant, id).await {
            // It may have been enabled a moment ago, and a held delivery waits for somebody to replay it.
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

    /// The signed request; `None` for a task callback whose task names none.
    async fn outgoing(
        &self,
        delivery: &Delivery,
        task: &Task,
        endpoint: Option<&Endpoint>,
    ) -> Result<Option<CallbackRequest>> {
        let prediction = self.view_of(task, self.told_at(delivery)).await?;
        let (url, headers, body) = match endpoint {
            Some(endpoint) => {
                let body = standard_body(delivery.event, task, &prediction);
                let headers = standard::sign(&endpoint.secrets, &delivery.message_id(), self.now(), &body)?;
                (endpoint.url.clone(), headers, body)
            }
            None => {
                let Some(url) = task.callback.clone() else { return Ok(None) };
                let body = bare_body(&prediction);
                let headers = self.sign_as_provider(delivery, &body).await?;
                (url, headers, body)
            }
        };
        Ok(Some(self.request(delivery, url, headers, body)))
    }

    /// Every attempt says the same, byte for byte, unless its links would soon be dead.
    fn told_at(&self, delivery: &Delivery) -> Timestamp {
        let age_ms = self.now().since_ms(delivery.created_at);
        if age_ms < self.bounds().presign_expires_ms / 2 { delivery.created_at } else { self.now() }
    }

    async fn sign_as_provider(&self, delivery: &Delivery, body: &[u8]) -> Result<SignedHeaders> {
        let secret = self.ports.store.tenants().get_eventual(&delivery.tenant).await?.webhook_secret;
        Ok(v3::sign(&secret, &delivery.message_id(), self.now(), body))
    }

    fn request(&self, delivery: &Delivery, url: CallbackUrl, headers: SignedHeaders, body: Vec<u8>) -> CallbackRequest {
        let tenant = delivery.tenant.clone();
        CallbackRequest { tenant, url, headers, body, timeout_ms: self.bounds().callback_timeout_ms }
    }

    async fn conclude(
        &self,
        delivery: &Delivery,
        endpoint: Option<Endpoint>,
        outcome: &SendOutcome,
        started: Timestamp,
    ) -> Result<JobOutcome> {
        let attempt = attempt(outcome, started, self.now());
        let (state, after) = match outcome {
            SendOutcome::Answered { status: 200..=299, .. } => (DeliveryState::Delivered, JobOutcome::Done),
            SendOutcome::Answered { status: 410, .. } => {
                let state = if endpoint.is_some() { DeliveryState::Held } else { DeliveryState::Exhausted };
                self.disable(endpoint).await?;
                (state, JobOutcome::Done)
            }
            other => self.next_try(delivery, other),
        };
        self.ports.store.deliveries().update(&delivery.attempted(attempt, state)).await?;
        count!("CallbackAttempts", outcome = if state == DeliveryState::Delivered { "delivered" } else { "failed" });
        Ok(after)
    }

    /// 410 Gone: the receiver wants no more of these.
    async fn disable(&self, endpoint: Option<Endpoint>) -> Result<()> {
        let Some(endpoint) = endpoint else { return Ok(()) };
        tracing::warn!(endpoint.id = %endpoint.id, tenant.id = %endpoint.tenant, "an endpoint answered 410 and was disabled");
        self.ports.store.endpoints().disable(&endpoint.tenant, &endpoint.id).await
    }

    fn next_try(&self, delivery: &Delivery, outcome: &SendOutcome) -> (DeliveryState, JobOutcome) {
        let Some(delay_ms) = self.bounds().callback_schedule_ms.get(delivery.attempts.len()) else {
            return (DeliveryState::Exhausted, JobOutcome::Done);
        };
        let asked_ms = match outcome {
            SendOutcome::Answered { retry_after_ms, .. } => retry_after_ms.unwrap_or(0),
            SendOutcome::Failed { .. } => 0,
        };
        let delay_ms = jittered_ms(*delay_ms, self.ports.entropy.u64());
        let delay_ms = delay_ms.max(asked_ms.min(self.bounds().retry_after_max_ms));
        (DeliveryState::Pending, JobOutcome::AgainAfterMs(delay_ms))
    }
}

enum Reach {
    /// The callback of the task itself.
    Task,
    Endpoint(Box<Endpoint>),
    /// Nothing to send to; the delivery ends, or waits, in this state.
    Gone(DeliveryState),
}

fn attempt(outcome: &SendOutcome, at: Timestamp, now: Timestamp) -> Attempt {
    let (status, error) = match outcome {
        SendOutcome::Answered { status, .. } if (200..300).contains(status) => (Some(*status), None),
        SendOutcome::Answered { status, .. } => (Some(*status), Some(format!("the receiver answered {status}"))),
        SendOutcome::Failed { reason } => (None, Some(reason.clone())),
    };
    Attempt { at, duration_ms: now.since_ms(at), status, error }
}
