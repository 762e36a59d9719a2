//! Submit: run every check, write the intent and the hold, and only then POST.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::addresses::Named;
use super::inline;
use super::price::Quote;
use super::{Gateway, Submits};
use crate::app::machine::Entry;
use crate::app::media::{check_sizes, files_in_one_form, media_addresses};
use crate::app::sealed_text::SealedPart;
use crate::app::traced::follow_new;
use crate::base::digest::{RunningSha256, Sha256, update_json};
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{IdempotencyKey, KeyId, ModelId, TaskId, TenantId};
use crate::base::labels::Labels;
use crate::base::retry::jittered_ms;
use crate::base::trace_context::TraceContext;
use crate::base::{metric, series};
use crate::domain::media::MediaKind;
use crate::domain::money::MicroUsd;
use crate::domain::provider::Model;
use crate::domain::task::{Admission, Idempotency, NewTask, Signal, State, Step, Task, transition};
use crate::domain::tenant::Tenant;
use crate::domain::webhook::CallbackUrl;
use crate::port::{Admitted, Ids as _};

/// A tenant's submit request.
#[derive(Debug)]
pub struct SubmitRequest {
    pub tenant: TenantId,
    pub model: ModelId,
    /// The request body without the fields meant for the gateway only.
    pub inputs: Map<String, Value>,
    pub callback: Option<CallbackUrl>,
    /// Given back with the task, and never sent to the provider.
    pub metadata: Labels,
    pub key: Option<IdempotencyKey>,
    /// The API key that the request bears.
    pub by: Option<KeyId>,
    /// The client's trace, if it sent one. The caller names it in its span.
    pub trace: Option<TraceContext>,
}

impl SubmitRequest {
    /// Two requests are equal if they have the same model, inputs and callback.
    pub fn digest(&self) -> Sha256 {
        let mut running = RunningSha256::default();
        let callback = self
            .callback
            .as_ref()
            .map_or("", |callback| callback.url().as_str());
        for part in [self.model.as_str(), callback] {
            running.update(format!("{};{part}", part.len()).as_bytes());
        }
        // Requests of earlier releases had none, and their keys still stand for them.
        for (name, value) in self.metadata.iter() {
            running.update(format!("m{};{name}{};{value}", name.len(), value.len()).as_bytes());
        }
        let mut names: Vec<&String> = self.inputs.keys().collect();
        names.sort_unstable();
        for name in names {
            running.update(format!("{};{name}", name.len()).as_bytes());
            update_json(&mut running, &self.inputs[name]);
        }
        running.finish()
    }
}

/// The guard's code.
const FORBIDDEN_ADDRESS: &str = "forbidden_address";

impl Gateway {
    /// Admits a task, sends it to the provider and returns it in its current state.
    ///
    /// Fails before anything is held or sent: kinds `Forbidden` (`tenant_suspended`,
    /// `model_not_allowed`), `NotFound` (no such model), `Invalid` (an input, naming the field, or
    /// a forbidden address), `InsufficientFunds` (`insufficient_funds`, `budget_exhausted`), `Busy`
    /// (`too_many_tasks`), `KeyReused`, `Gone` (`task_deleted`: the key's task was deleted),
    /// `Unavailable` (catalogue or quote unavailable). A request that repeats a known idempotency
    /// key returns the task created with that key.
    pub async fn submit(&self, request: SubmitRequest) -> Result<Task> {
        let tenant = request.tenant.clone();
        let submitted = self.submits.submit(request, |in_flight_max| in_flight_max);
        let submitted = submitted.await;
        if let Err(error) = &submitted
            && error.code == FORBIDDEN_ADDRESS
        {
            tracing::info!(tenant.id = %tenant, field = error.field, "refused a task that names a forbidden address");
        }
        submitted
    }

    /// The tenant, if it may submit now: a tenant that has just been deleted or suspended may still
    /// hold a valid token.
    ///
    /// Kind `Unauthenticated` with code `tenant_unknown`, kind `Forbidden` with code
    /// `tenant_suspended`.
    pub async fn tenant_for_submit(&self, id: &TenantId) -> Result<Arc<Tenant>> {
        self.submits.tenant_for_submit(id).await
    }
}

impl Submits {
    /// The task that the request's key belongs to, if it has one; also one that was deleted.
    pub(crate) async fn existing(&self, request: &SubmitRequest) -> Result<Option<Task>> {
        let idempotency = self.idempotency(request.key.as_ref(), || request.digest());
        self.of_key(&request.tenant, idempotency.as_ref()).await
    }

    /// As [`Gateway::submit`], with so many of the places that the tenant's limit gives.
    pub(crate) async fn submit(
        &self,
        request: SubmitRequest,
        places: fn(u32) -> u32,
    ) -> Result<Task> {
        let idempotency = self.idempotency(request.key.as_ref(), || request.digest());
        if let Some(known) = self.known(&request.tenant, idempotency.as_ref()).await? {
            return Ok(known);
        }
        let origin = Origin {
            idempotency,
            retry_of: None,
            places,
        };
        self.submit_new(request, origin).await
    }

    /// The task that the key stands for already.
    pub(super) async fn known(
        &self,
        tenant: &TenantId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Task>> {
        let known = self.of_key(tenant, idempotency).await?;
        known.map(there).transpose()
    }

    async fn of_key(
        &self,
        tenant: &TenantId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Task>> {
        let Some(idempotency) = idempotency else {
            return Ok(None);
        };
        let (tasks, now) = (self.context.tasks(), self.context.now());
        tasks.existing(tenant, idempotency, now).await
    }

    /// As [`Self::submit`], for a request that is not known yet.
    pub(super) async fn submit_new(
        &self,
        mut request: SubmitRequest,
        origin: Origin,
    ) -> Result<Task> {
        self.context.check_restored().await?;
        let tenant = self.tenant_for_submit(&request.tenant).await?;
        let key = self.key_terms(&tenant, request.by.as_ref(), &request.model);
        let key_terms = key.await?;
        let catalogue = self.provider.catalogue().await?;
        let model = catalogue.model(&request.model)?;
        let inline_outputs = inline::take_flag(&mut request.inputs)?;
        let inputs = model.accept(request.inputs)?;
        if let Some(parts) = model.unchecked_once() {
            tracing::warn!(model.id = %model.id, schema.unchecked = parts, "the provider's schema of this model cannot be read in part; inputs are not checked against these parts, which the provider does itself");
        }
        let bounds = &self.context.bounds;
        check_sizes(bounds.input_bytes_max, model, &inputs)?;
        let inputs = files_in_one_form(bounds.data_uri_bytes_max, model, inputs)?;
        let mut named = media_addresses(model, &inputs);
        named.extend(request.callback.as_ref().map(Named::callback));
        self.check_addresses(&request.tenant, &named).await?;
        let Quote { cost, price } = self.quote(&tenant.prices, model, &inputs).await?;
        let tasks_in_flight_max = tenant.limits.tasks_in_flight.map(origin.places);
        let outputs_asked = outputs_asked(model, &inputs);
        let (weight, makes) = (tenant.limits.weight(), model.makes);
        let new = NewTaskParts {
            tenant: request.tenant,
            trace: request.trace,
            model: request.model,
            callback: request.callback,
            metadata: request.metadata,
            price,
            cost,
            outputs_asked,
            makes,
            inline_outputs,
            retry_of: origin.retry_of,
            by: request.by,
        };
        let inputs = Value::Object(inputs).to_string();
        let tenant = new.tenant.clone();
        let place = self.machine.join_fair_queue(&tenant, weight).await?;
        let admitted = async {
            let admission = self.admission(new, &inputs, origin.idempotency, place);
            let admission = Admission {
                tasks_in_flight_max,
                key_terms,
                ..admission.await?
            };
            self.context.tasks().admit(admission).await
        };
        let admitted = admitted.await;
        if let (Some(place), false) = (place, matches!(admitted, Ok(Admitted::New(_)))) {
            let ticket = place.ticket;
            self.machine.leave_fair_queue(&tenant, ticket, true).await;
        }
        match admitted? {
            Admitted::Existing(task) => there(*task),
            Admitted::New(task) => {
                // Not before: a request must not name a task that was never stored.
                follow_new(&task);
                count_new(&task);
                match task.state {
                    State::Admitted => Ok(*task),
                    _ => self.sender.send(*task, &inputs).await,
                }
            }
        }
    }

    /// As [`Gateway::tenant_for_submit`].
    pub(crate) async fn tenant_for_submit(&self, id: &TenantId) -> Result<Arc<Tenant>> {
        let tenant =
            self.context
                .tenants()
                .get_eventual(id)
                .await
                .map_err(|error| match error.kind {
                    Kind::NotFound => Error::new(
                        Kind::Unauthenticated,
                        "tenant_unknown",
                        "the tenant that this token belongs to no longer exists",
                    ),
                    _ => error,
                })?;
        tenant.may_submit()?;
        Ok(tenant)
    }

    /// The task is written as `submitting` right away, since the POST follows: that saves a commit.
    /// A task that must wait for its ticket is written as waiting, and a wake job checks on it.
    async fn admission(
        &self,
        new: NewTaskParts,
        inputs: &str,
        idempotency: Option<Idempotency>,
        place: Option<Entry>,
    ) -> Result<Admission> {
        let now = self.context.now();
        let id = self.context.entropy.task_id(now);
        let sealed = |part, text| self.context.seal_text(&new.tenant, part, text);
        let inputs = sealed(SealedPart::Inputs(&id), inputs).await?;
        let callback = match &new.callback {
            Some(url) => Some(sealed(SealedPart::Callback(&id), url.url().as_str()).await?),
            None => None,
        };
        let task = Task::admitted(
            NewTask {
                tenant: new.tenant,
                id,
                model: new.model,
                price: new.price,
                cost: new.cost,
                outputs_asked: new.outputs_asked,
                makes: new.makes,
                callback,
                metadata: new.metadata,
            },
            now,
        );
        let task = Task {
            trace: new.trace,
            inline_outputs: new.inline_outputs,
            retry_of: new.retry_of,
            key: new.by,
            ..task
        };
        let signal = place.map_or(Signal::SubmitStarted, |place| place.signal());
        let started = transition(&task, signal, now).map_err(|rejected| {
            Error::internal("transition", "a new task cannot be submitted").source(rejected)
        })?;
        let mut steps = vec![Step::new(now, "admitted").detail(format!("{} held", task.price))];
        steps.extend(started.steps);
        Ok(Admission {
            task: started.task,
            steps,
            inputs,
            idempotency,
            tasks_in_flight_max: None,
            key_terms: None,
            watch_after_ms: jittered_ms(
                self.context.bounds.watch.delay_ms(0),
                self.context.entropy.u64(),
            ),
            wake_after_ms: place.and_then(|place| place.check_after_ms),
        })
    }

    pub(super) fn idempotency(
        &self,
        key: Option<&IdempotencyKey>,
        request: impl FnOnce() -> Sha256,
    ) -> Option<Idempotency> {
        let kept_ms = self.context.bounds.idempotency_kept_ms;
        Some(Idempotency {
            key: key?.clone(),
            request: request(),
            expires_at: self.context.now().plus_ms(kept_ms),
        })
    }
}

/// Where a new task comes from.
pub(super) struct Origin {
    pub(super) idempotency: Option<Idempotency>,
    /// The task that it runs again.
    pub(super) retry_of: Option<TaskId>,
    /// How many of the places that the tenant's limit gives may be taken for it.
    pub(super) places: fn(u32) -> u32,
}

/// The task that an idempotency key stands for: it stands for it after its deletion too, so that
/// the run that was paid for is not made again.
fn there(task: Task) -> Result<Task> {
    if task.deleted.is_none() {
        return Ok(task);
    }
    let text = "this Idempotency-Key stands for a task that was deleted, and is not run again; use a new key for a new run";
    Err(Error::new(Kind::Gone, "task_deleted", text).field("Idempotency-Key"))
}

struct NewTaskParts {
    tenant: TenantId,
    trace: Option<TraceContext>,
    model: ModelId,
    callback: Option<CallbackUrl>,
    metadata: Labels,
    price: MicroUsd,
    cost: MicroUsd,
    outputs_asked: u32,
    makes: Option<MediaKind>,
    inline_outputs: bool,
    retry_of: Option<TaskId>,
    by: Option<KeyId>,
}

/// The input that sets the number of outputs, in models that have one.
const OUTPUTS_INPUT: &str = "num_images";

/// The number of outputs that the price covers; 1 for a model whose price does not depend on it.
fn outputs_asked(model: &Model, inputs: &Map<String, Value>) -> u32 {
    let asked = inputs
        .get(OUTPUTS_INPUT)
        .and_then(Value::as_u64)
        .filter(|_| model.price_depends_on(OUTPUTS_INPUT));
    asked
        .and_then(|asked| u32::try_from(asked).ok())
        .unwrap_or(1)
        .max(1)
}

/// A task that was admitted.
fn count_new(task: &Task) {
    metric::SUBMITS.count();
    let labels = [
        task.state.as_str(),
        series::model_label(task.model.as_str()),
    ];
    series::TASKS.gauge(&labels).increment(1.0);
}
