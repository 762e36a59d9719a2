//! Sends events, and decides what follows from the answers.

mod conclude;
mod notices;
mod pace;
mod reach;
mod recover;

use std::sync::Arc;

use async_trait::async_trait;

use self::pace::{Allowed, Busy, Pace, Place};
use super::attempt::attempt_of;
use super::held::tell_held;
use super::jobs::{JobOutcome, Jobs, Worker};
use super::traced::{JobProgress, attempt_of_delivery, follow_event};
use super::{Callbacks, Context};
use crate::base::error::{Reason, Result};
use crate::base::id::{DeliveryId, EndpointId, TenantId};
use crate::domain::task::Job;
use crate::domain::webhook::{
    Attempt, Delivery, DeliverySignal, DeliveryState, Endpoint, Rejected, Target, transition,
};
use crate::port::{About, Lease, Queue, SendOutcome, Timer};

/// Before a job looks again that came before the write which it belongs to.
const EARLY_DELAY_MS: u64 = 2_000;
/// How often it looks. After that the write was never made, and another job carries the delivery.
const EARLY_TRIES_MAX: u32 = 10;
/// Before a delivery is tried again whose endpoint has its hands full.
const BUSY_DELAY_MS: u64 = 500;
/// How long a job waits for a place where another message costs more than the wait, and how often
/// it looks.
const PLACE_WAIT_MS: u64 = 400;
const PLACE_LOOK_MS: u64 = 25;
/// What a worker may take beyond the time-out of its POST.
const ATTEMPT_SLACK_MS: u64 = 15_000;

/// Sends callbacks.
pub struct Notifier {
    context: Context,
    pub(crate) jobs: Jobs,
    callbacks: Callbacks,
    pace: Pace,
    timer: Option<Arc<dyn Timer>>,
}

/// An attempt, the round that it was made for, and what its answer asks for.
struct Tried {
    round: u32,
    attempt: Attempt,
    retry_after_ms: Option<u64>,
}

/// A delivery that is to be tried, for the round of its job.
struct Begun {
    delivery: Delivery,
    endpoint: Option<Endpoint>,
    round: u32,
}

/// What became of a job.
enum Worked {
    Out(JobOutcome),
    /// Nothing was done: it is not its time, for so long.
    Later(u64),
    /// The same, because all places of this endpoint are taken.
    NoPlace(EndpointId, u64),
}

/// What a look at the endpoint says.
enum Reach {
    Send(Option<Box<Endpoint>>),
    /// Nothing to send to, for good or for now.
    Moved(DeliverySignal),
    /// Its breaker is open.
    Opens(Box<Endpoint>),
}

#[async_trait]
impl Worker for Notifier {
    async fn work(&self, lease: &Lease) -> Result<()> {
        self.progress(lease).await.map(drop)
    }

    async fn progress(&self, lease: &Lease) -> Result<JobProgress> {
        let tries = lease.failures;
        let outcome = match &lease.job {
            Job::Deliver {
                tenant,
                delivery,
                round,
            } => {
                let worked = self.try_delivery(tenant, delivery, *round, tries).await;
                return self.settle(lease, worked).await;
            }
            Job::Recover {
                tenant,
                endpoint,
                recovery,
            } => self.recover(tenant, endpoint, *recovery, tries).await,
            _ => return Jobs::refuse(lease).map(|()| JobProgress::Made),
        };
        self.jobs.settle(lease, outcome).await?;
        Ok(JobProgress::Made)
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        self.jobs.after_panic(lease).await
    }
}

impl Notifier {
    pub fn new(queue: Arc<dyn Queue>, callbacks: Callbacks) -> Self {
        let context = callbacks.context.clone();
        Self {
            jobs: Jobs::new(&context, queue),
            pace: Pace::default(),
            context,
            callbacks,
            timer: None,
        }
    }

    /// Waits a moment for a place at an endpoint that has its hands full. For a queue to which
    /// another message costs more.
    #[must_use]
    pub fn patient(self, timer: Arc<dyn Timer>) -> Self {
        Self {
            timer: Some(timer),
            ..self
        }
    }

    /// Makes one attempt of a pending delivery; in any other round it does nothing.
    pub async fn deliver(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
        round: u32,
        tries: u32,
    ) -> Result<JobOutcome> {
        let worked = self.try_delivery(tenant, id, round, tries).await?;
        Ok(worked.outcome())
    }

    /// A job that found no place looks again when one is free, or when it may expect one.
    async fn settle(&self, lease: &Lease, worked: Result<Worked>) -> Result<JobProgress> {
        let outcome = worked.as_ref().map(Worked::outcome);
        self.jobs
            .settle(lease, outcome.map_err(Clone::clone))
            .await?;
        Ok(match worked {
            Ok(Worked::NoPlace(endpoint, _)) => {
                // A queue where another message costs more cannot hasten one either.
                let now = self.context.now();
                if self.timer.is_none() && !self.pace.wait(&endpoint, lease.job.clone(), now) {
                    self.jobs.hasten(&lease.job);
                }
                JobProgress::None
            }
            Ok(Worked::Later(_)) => JobProgress::None,
            _ => JobProgress::Made,
        })
    }

    async fn try_delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
        round: u32,
        tries: u32,
    ) -> Result<Worked> {
        let (delivery, about) = self.context.deliveries().get(tenant, id).await?;
        follow_event(&about);
        if delivery.pull {
            return Ok(Worked::Out(JobOutcome::Done));
        }
        if delivery.round < round {
            return Ok(Worked::Out(early(tries)));
        }
        if delivery.round > round || delivery.state != DeliveryState::Pending {
            self.finish_telling(&delivery, round).await?;
            self.call_next(&delivery.target);
            return Ok(Worked::Out(JobOutcome::Done));
        }
        attempt_of_delivery(delivery.attempts_made().saturating_add(1));
        if about.is_deleted() {
            let outcome = self.moved(&delivery, DeliverySignal::Drop).await;
            self.call_next(&delivery.target);
            return outcome.map(Worked::Out);
        }
        let endpoint = match self.reach(&delivery).await? {
            Reach::Send(endpoint) => endpoint.map(|endpoint| *endpoint),
            Reach::Opens(endpoint) => return Ok(self.after_opening(&endpoint)),
            Reach::Moved(signal) => {
                let outcome = self.moved(&delivery, signal).await;
                self.call_next(&delivery.target);
                return outcome.map(Worked::Out);
            }
        };
        let predecessor = self.predecessor(&delivery, &about, endpoint.as_ref());
        if let Some(predecessor) = predecessor.await? {
            let delay_ms = self.after_predecessor_ms(&predecessor, endpoint.as_ref());
            return Ok(Worked::Later(delay_ms));
        }
        let place = match self.place_soon(endpoint.as_ref(), &delivery).await {
            Ok(place) => place,
            Err((busy, endpoint, delay_ms)) => {
                return Ok(match busy {
                    Busy::Full => Worked::NoPlace(endpoint, delay_ms),
                    Busy::Paced => Worked::Later(delay_ms),
                });
            }
        };
        let target = delivery.target.clone();
        let begun = Begun {
            delivery,
            endpoint,
            round,
        };
        let outcome = self.attempt(begun, &about, place.as_ref()).await;
        drop(place);
        self.call_next(&target);
        outcome.map(Worked::Out)
    }

    /// Who waits for the place that this delivery had, or was called to. One that ends without an
    /// attempt passes the call on.
    fn call_next(&self, target: &Target) {
        let Target::Endpoint(endpoint) = target else {
            return;
        };
        for next in self.pace.next_waiting(endpoint) {
            self.jobs.hasten(&next);
        }
    }

    /// A place at once, or in a moment if its answers make room; else how long to sleep.
    async fn place_soon(
        &self,
        endpoint: Option<&Endpoint>,
        delivery: &Delivery,
    ) -> Result<Option<Place>, (Busy, EndpointId, u64)> {
        let Some(endpoint) = endpoint else {
            // A task's own callback needs no place.
            return Ok(None);
        };
        let tries = PLACE_WAIT_MS / PLACE_LOOK_MS;
        let mut found = self.place(endpoint, delivery);
        for _ in 0..tries {
            let (Err(Busy::Full), Some(timer)) = (&found, &self.timer) else {
                break;
            };
            timer.sleep_ms(PLACE_LOOK_MS).await;
            found = self.place(endpoint, delivery);
        }
        let allowed = self.allowed(endpoint);
        found.map(Some).map_err(|busy| {
            let now = self.context.now();
            let delay_ms = self.pace.put_off_ms(&endpoint.id, allowed, now);
            let delay_ms = self.jobs.jittered_ms(delay_ms.max(BUSY_DELAY_MS));
            (busy, endpoint.id.clone(), delay_ms)
        })
    }

    fn allowed(&self, endpoint: &Endpoint) -> Allowed {
        let usual = self.context.bounds.relay.endpoint_concurrency;
        Allowed {
            concurrency: endpoint.concurrency.unwrap_or(usual),
            per_second: endpoint.rate_per_second,
        }
    }

    async fn attempt(
        &self,
        begun: Begun,
        about: &About,
        place: Option<&Place>,
    ) -> Result<JobOutcome> {
        let Begun {
            delivery,
            endpoint,
            round,
        } = begun;
        let Some(delivery) = self.begun(delivery, round).await? else {
            return Ok(JobOutcome::AgainAfterMs(BUSY_DELAY_MS));
        };
        let request = self.callbacks.request(&delivery, about, endpoint.as_ref());
        let Some(request) = request.await? else {
            return self.moved(&delivery, DeliverySignal::Drop).await;
        };
        let started = self.context.now();
        let outcome = self.callbacks.send(request).await;
        let ended = self.context.now();
        if let Some(place) = place {
            place.note(matches!(outcome, SendOutcome::Answered(_)), started, ended);
        }
        let attempt = attempt_of(&outcome, started, ended);
        let retry_after_ms = match &outcome {
            SendOutcome::Answered(answer) => answer.retry_after_ms,
            SendOutcome::Failed { .. } => None,
        };
        let tried = Tried {
            round,
            attempt,
            retry_after_ms,
        };
        self.conclude(delivery, endpoint, tried).await
    }

    /// One write of a delivery without an attempt; nothing where it moved meanwhile.
    async fn moved(&self, delivery: &Delivery, signal: DeliverySignal) -> Result<JobOutcome> {
        match transition(delivery, signal, self.context.now()) {
            Ok(next) => {
                if !self.written(&next).await? {
                    return Ok(JobOutcome::AgainAfterMs(BUSY_DELAY_MS));
                }
                tell_held([&next]);
                Ok(JobOutcome::Done)
            }
            Err(Rejected::Busy) => Ok(JobOutcome::AgainAfterMs(BUSY_DELAY_MS)),
            Err(_) => Ok(JobOutcome::Done),
        }
    }

    /// Attempts after the first are written down before they are made, so that nobody replays or
    /// cancels what is on its way. The first costs no write of its own. `None` while another worker
    /// is at it.
    async fn begun(&self, delivery: Delivery, round: u32) -> Result<Option<Delivery>> {
        if delivery.attempts_made() == 0 {
            return Ok(Some(delivery));
        }
        let now = self.context.now();
        let until = now.plus_ms(self.context.bounds.relay.timeout_ms + ATTEMPT_SLACK_MS);
        match transition(&delivery, DeliverySignal::Begin { round, until }, now) {
            Ok(begun) => Ok(self.written(&begun).await?.then_some(begun)),
            Err(_) => Ok(None),
        }
    }

    /// False where somebody else was first: the delivery is to be read again.
    async fn written(&self, delivery: &Delivery) -> Result<bool> {
        match self.context.deliveries().update(delivery, None).await {
            Err(error) if error.is(Reason::VersionMoved) => Ok(false),
            written => written.map(|()| true),
        }
    }
}

impl Worked {
    fn outcome(&self) -> JobOutcome {
        match self {
            Self::Out(outcome) => *outcome,
            Self::Later(delay_ms) | Self::NoPlace(_, delay_ms) => {
                JobOutcome::AgainAfterMs(*delay_ms)
            }
        }
    }
}

fn early(tries: u32) -> JobOutcome {
    if tries >= EARLY_TRIES_MAX {
        return JobOutcome::Done;
    }
    JobOutcome::FailedAgainAfterMs(EARLY_DELAY_MS)
}
