//! What the provider says of a run of its own accord, by the provider's webhook.

use std::sync::Arc;

use super::{Context, Machine};
use crate::base::error::{Error, Reason, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::json::{self, JsonBounds};
use crate::domain::provider::ProviderRun;
use crate::domain::task::{Rejection, Signal, Via};
use crate::domain::webhook::{CapabilityKey, SignedHeaders, v3};
use crate::port::WebhookSecrets;

/// What the provider calls.
pub struct Receiver {
    context: Context,
    machine: Machine,
    secrets: Arc<dyn WebhookSecrets>,
    capability: CapabilityKey,
}

impl Receiver {
    pub fn new(
        machine: Machine,
        secrets: Arc<dyn WebhookSecrets>,
        capability: CapabilityKey,
    ) -> Self {
        Self {
            context: machine.context.clone(),
            machine,
            secrets,
            capability,
        }
    }

    /// Whether a webhook's path was given out for this task.
    pub fn is_path_of(&self, tenant: &TenantId, task: &TaskId, token: &str) -> bool {
        self.capability.verify(tenant, task, token)
    }

    /// Applies a webhook whose path was checked. What is known already is no error.
    ///
    /// Kind `Unauthenticated` for a bad signature, kind `Invalid` for a body that is no prediction.
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
        if signed.is_err() {
            // The path was ours: most likely the provider signs with another secret than it tells.
            tracing::warn!(task.id = %task, tenant.id = %tenant, "a webhook with a bad signature was refused; the poll will find out");
        }
        signed?;
        self.apply_signal(tenant, task, run(body)?.signal(Via::Webhook))
            .await
    }

    /// Applies what a checked webhook says.
    pub async fn apply_signal(&self, tenant: &TenantId, id: &TaskId, news: Signal) -> Result<()> {
        // What is over stays over, whose run it is stays so, and any other change of a late one is
        // a conflict.
        let task = self.context.tasks().get_eventual(tenant, id).await?;
        match self.machine.signal(task.clone(), news.clone()).await {
            // An equal task was given this run by the provider's list; the operator shall know.
            Err(error) if error.is(Reason::RunClaimed) => {
                self.machine
                    .note_rejection(&task, Rejection::OtherRun, &news, self.context.now())
                    .await
            }
            outcome => outcome.map(drop),
        }
    }
}

/// Signed or not, what is no prediction is the sender's fault, and sending it again would change
/// nothing.
fn run(body: &[u8]) -> Result<ProviderRun> {
    let value = json::value(body, JsonBounds::DOCUMENT)?;
    ProviderRun::from_json(&value).map_err(|error| {
        Error::invalid("webhook_unreadable", "the webhook's body is no prediction").source(error)
    })
}
