//! What a tenant may see and do about its deliveries.

use std::sync::Arc;

use super::endpoint_writes::EndpointWrites;
use super::{Callbacks, Context};
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::{DeliveryId, EndpointId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Task};
use crate::domain::webhook::{
    Delivery, DeliveryPage, DeliveryQuery, DeliverySignal, Endpoint, Payload, Rejected, Target,
    transition,
};
use crate::port::{About, Queue};

/// How often a change is made again that others are in the way of.
const CHANGE_TRIES: usize = 5;

/// The tenant's use cases of deliveries.
pub struct Deliveries {
    context: Context,
    callbacks: Callbacks,
    writes: EndpointWrites,
}

/// A delivery with the body of its next attempt, or of its last.
pub struct ShownDelivery {
    pub delivery: Delivery,
    /// `None` for one of a deleted task.
    pub body: Option<Vec<u8>>,
}

impl Deliveries {
    pub fn new(callbacks: Callbacks, queue: Arc<dyn Queue>) -> Self {
        Self {
            context: callbacks.context.clone(),
            writes: EndpointWrites::new(&callbacks.context, queue),
            callbacks,
        }
    }

    /// Newest first, unless it is asked otherwise.
    pub async fn list(&self, tenant: &TenantId, query: &DeliveryQuery) -> Result<DeliveryPage> {
        self.context.deliveries().list(tenant, query).await
    }

    /// Without its body. Kind `NotFound` for foreign and unknown ids alike.
    pub async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Delivery> {
        let (delivery, _) = self.context.deliveries().get(tenant, id).await?;
        Ok(delivery)
    }

    /// Kind `NotFound` for foreign and unknown ids alike.
    pub async fn show(&self, tenant: &TenantId, id: &DeliveryId) -> Result<ShownDelivery> {
        let (delivery, about) = self.context.deliveries().get(tenant, id).await?;
        if about.is_deleted() {
            return Ok(ShownDelivery {
                delivery,
                body: None,
            });
        }
        let payload = self.payload(&delivery).await?;
        let body = match (&delivery.target, &about) {
            (Target::TaskCallback, About::Task(task)) => {
                self.callbacks.task_callback_body(&delivery, task).await?
            }
            _ => self.callbacks.body(&delivery, &about, payload).await?,
        };
        Ok(ShownDelivery {
            delivery,
            body: Some(body),
        })
    }

    /// Has it sent now, whatever became of it. The event keeps its id, type and time; links in its
    /// body are made afresh.
    ///
    /// Kind `NotFound` as in [`Self::show`]; kind `Conflict` with code `attempt_under_way` while a
    /// worker is sending it, `task_deleted` for one of a deleted task, `callback_gone` where the
    /// task's callback URL is no longer kept, and `endpoint_disabled` where nobody would.
    pub async fn replay(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Delivery> {
        let (delivery, about) = self.context.deliveries().get(tenant, id).await?;
        if about.is_deleted() {
            let text =
                "the task of this event was deleted, and there is nothing left to send of it";
            return Err(Error::new(Kind::Conflict, "task_deleted", text));
        }
        self.refuse_unreachable(&delivery, &about).await?;
        let replayed = self.signal(delivery, &DeliverySignal::Replay).await?;
        Ok(replayed)
    }

    /// It is not sent any more. One that is cancelled already stays so.
    ///
    /// Kind `NotFound` as in [`Self::show`]; kind `Conflict` with code `attempt_under_way`, and
    /// `delivery_over` for one that was delivered or has used up its attempts.
    pub async fn cancel(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Delivery> {
        let (delivery, _) = self.context.deliveries().get(tenant, id).await?;
        self.signal(delivery, &DeliverySignal::Cancel).await
    }

    async fn signal(&self, mut delivery: Delivery, signal: &DeliverySignal) -> Result<Delivery> {
        for _ in 0..CHANGE_TRIES {
            let now = self.context.now();
            let after = match transition(&delivery, signal.clone(), now) {
                Ok(after) => after,
                Err(Rejected::Unchanged) => return Ok(delivery),
                Err(rejected) => return Err(refused(rejected, &delivery)),
            };
            let job = after.next_job(now);
            match self.write(&after, job.as_ref()).await {
                Err(error) if error.is(Reason::VersionMoved) => {
                    let read = self
                        .context
                        .deliveries()
                        .get(&delivery.tenant, &delivery.id);
                    delivery = read.await?.0;
                }
                written => return written.map(|()| after),
            }
        }
        let text = "others change this delivery at the same moment; read it and try again";
        Err(Error::new(Kind::Conflict, "delivery_changing", text))
    }

    async fn write(&self, delivery: &Delivery, job: Option<&Delayed>) -> Result<()> {
        self.context.deliveries().update(delivery, job).await
    }

    async fn refuse_unreachable(&self, delivery: &Delivery, about: &About) -> Result<()> {
        let id = match (&delivery.target, about) {
            (Target::Endpoint(id), _) => id,
            (Target::TaskCallback, About::Task(task)) => return self.refuse_gone(task).await,
            (Target::TaskCallback, About::Notice(_)) => return Ok(()),
        };
        match self.context.endpoints().get(&delivery.tenant, id).await {
            Ok(endpoint) if endpoint.pull().is_some() => Err(not_sent(id)),
            Ok(endpoint) if endpoint.enabled => Ok(()),
            Ok(_) => {
                let text = format!("the endpoint '{id}' is disabled; enable it first");
                Err(Error::new(Kind::Conflict, "endpoint_disabled", text))
            }
            Err(error) if error.kind == Kind::NotFound => {
                let text = format!("the endpoint '{id}' is gone; there is nobody to send to");
                Err(Error::new(Kind::Conflict, "endpoint_gone", text))
            }
            Err(error) => Err(error),
        }
    }

    async fn refuse_gone(&self, task: &Task) -> Result<()> {
        if self.context.kept_callback(task).await?.is_some() {
            return Ok(());
        }
        let text = "the callback URL of this task was kept long enough and is gone; read the task instead, or register an endpoint for later events";
        Err(Error::new(Kind::Conflict, "callback_gone", text))
    }

    async fn payload(&self, delivery: &Delivery) -> Result<Payload> {
        let Target::Endpoint(id) = &delivery.target else {
            return Ok(Payload::Full);
        };
        match self
            .context
            .endpoints()
            .get_eventual(&delivery.tenant, id)
            .await
        {
            Ok(endpoint) => Ok(endpoint.payload),
            Err(error) if error.kind == Kind::NotFound => Ok(Payload::Full),
            Err(error) => Err(error),
        }
    }

    /// Has an endpoint sent what it missed, of events since that time: what was held, and what has
    /// used up its attempts. Its recovery tells how far it has come.
    ///
    /// Kind `NotFound` for foreign and unknown ids alike; kind `Conflict` with code
    /// `endpoint_disabled`, and `recovery_under_way` while another one is.
    pub async fn recover(
        &self,
        tenant: &TenantId,
        endpoint: &EndpointId,
        since: Option<Timestamp>,
    ) -> Result<Endpoint> {
        self.writes.recover(tenant, endpoint, since).await
    }
}

fn not_sent(id: &EndpointId) -> Error {
    let text = format!(
        "the endpoint '{id}' is read, nothing is sent to it; read its events again from an earlier cursor"
    );
    Error::new(Kind::Conflict, "pull_endpoint", text)
}

fn refused(rejected: Rejected, delivery: &Delivery) -> Error {
    let conflict = |code, text: String| Error::new(Kind::Conflict, code, text);
    match rejected {
        Rejected::Busy | Rejected::Early | Rejected::Stale => conflict(
            "attempt_under_way",
            "an attempt is under way; try again when it is over".to_owned(),
        ),
        Rejected::Over | Rejected::Unchanged => conflict(
            "delivery_over",
            format!("the delivery is {} already", delivery.state.as_str()),
        ),
    }
}
