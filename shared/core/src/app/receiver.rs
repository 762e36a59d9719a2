//! Handles the provider's webhooks.

use std::sync::Arc;

use super::jobs::Jobs;
use super::traced::follow;
use super::{Capability, Context, Machine};
use crate::base::error::{Error, Reason, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::json::{self, JsonBounds};
use crate::base::secret::Secret;
use crate::domain::provider::{ProviderRun, leave_out};
use crate::domain::task::{EndedRun, Job, Rejection, Signal, Task, Via};
use crate::domain::webhook::{CapabilityKeys, SignedHeaders, v3};
use crate::port::{Queue, WebhookSecrets};

/// Receives the provider's webhooks.
pub struct Receiver {
    context: Context,
    machine: Machine,
    secrets: Arc<dyn WebhookSecrets>,
    capability: Capability,
    jobs: Jobs,
    carried_bytes_max: usize,
}

impl Receiver {
    pub fn new(
        machine: Machine,
        secrets: Arc<dyn WebhookSecrets>,
        capability: Capability,
        queue: Arc<dyn Queue>,
    ) -> Self {
        Self {
            carried_bytes_max: queue.instead_of_change_bytes_max(),
            jobs: Jobs::new(&machine.context, queue),
            context: machine.context.clone(),
            machine,
            secrets,
            capability,
        }
    }

    /// Whether this webhook path was issued for this task.
    pub async fn is_path_of(&self, tenant: &TenantId, task: &TaskId, token: &str) -> bool {
        let is_signed = |keys: &CapabilityKeys| keys.verify(tenant, task, token);
        self.capability.fits(is_signed).await
    }

    /// Applies a webhook whose path was verified. A duplicate is not an error.
    ///
    /// Kind `Unauthenticated` for a bad signature, kind `Invalid` for a body that is not a
    /// prediction.
    pub async fn receive<'a>(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        header: impl Fn(&str) -> Result<Option<&'a str>> + Send,
        body: &[u8],
    ) -> Result<()> {
        let secret = self.secrets.webhook_secret().await?;
        let signed = SignedHeaders::read(header);
        let signed =
            signed.and_then(|headers| v3::verify(&secret, &headers, self.context.now(), body));
        if let Err(error) = &signed {
            self.name_the_task(tenant, task).await;
            // The path was ours: most likely the provider signs with a different secret than the
            // one it reports, or a clock is off.
            let error = error.with_causes();
            tracing::warn!(task.id = %task, tenant.id = %tenant, error, "webhook refused; polling will pick up the result. Check the provider's webhook secret, or the clock if the error names it");
        }
        signed?;
        // What a drill shows stays as it is; the provider sends it again to whoever is there then.
        self.context.check_restored().await?;
        let run = self.run(body, &secret).await?;
        self.apply_signal(tenant, task, run.signal(Via::Webhook))
            .await
    }

    /// A body that is not a prediction is an error of the sender even if it is signed; a retry
    /// would not help.
    async fn run(&self, body: &[u8], secret: &Secret) -> Result<ProviderRun> {
        let mut value = json::value(body, JsonBounds::DOCUMENT)?;
        leave_out(&mut value, secret);
        self.secrets.leave_out_key(&mut value).await?;
        ProviderRun::from_json(&value).map_err(|error| {
            Error::invalid(
                "webhook_unreadable",
                "the webhook's body is not a prediction",
            )
            .source(error)
        })
    }

    /// For the log. That a webhook is refused does not depend on it.
    async fn name_the_task(&self, tenant: &TenantId, id: &TaskId) {
        if let Ok(task) = self.context.tasks().get_eventual(tenant, id).await {
            follow(&task);
        }
    }

    /// Applies what a checked webhook says.
    pub async fn apply_signal(&self, tenant: &TenantId, id: &TaskId, signal: Signal) -> Result<()> {
        // What is over stays over, whose run it is stays so, and any other change of a late one is
        // a conflict.
        let task = self.context.tasks().get_eventual(tenant, id).await?;
        follow(&task);
        if let Some(job) = self.carried(&task, &signal) {
            return self.jobs.send_at_once(std::iter::once(job)).await;
        }
        match self.machine.signal(task.clone(), signal.clone()).await {
            // An equal task was given this run by the provider's list; the operator shall know.
            Err(error) if error.is(Reason::RunClaimed) => {
                self.machine
                    .note_rejection(&task, Rejection::OtherRun, &signal, self.context.now())
                    .await
            }
            outcome => outcome.map(drop),
        }
    }
}

impl Receiver {
    /// The job that copies the outputs of a run whose end need not be written first. Whatever has
    /// happened to the task meanwhile, the archiver finds out; a second webhook sends a second job,
    /// which finds nothing to do.
    fn carried(&self, task: &Task, signal: &Signal) -> Option<Job> {
        let Signal::Finished(finished) = signal else {
            return None;
        };
        let ended = EndedRun {
            finished: finished.clone(),
            at: self.context.now(),
        };
        if self.carried_bytes_max == 0 || !ended.may_stay_unwritten(task) {
            return None;
        }
        let job = Job::ArchiveRun {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
            ended: Box::new(ended),
        };
        let bytes = serde_json::to_string(&job).ok()?.len();
        (bytes <= self.carried_bytes_max).then_some(job)
    }
}
