//! The signed requests of callbacks, and the way they leave.

use std::sync::Arc;

use super::traced::trace_of;
use super::vault::Belongs;
use super::{Context, Vault, Views};
use crate::base::error::Result;
use crate::base::id::{EventId, TenantId};
use crate::base::seal::Sealed;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::provider::Prediction;
use crate::domain::task::Task;
use crate::domain::webhook::{
    CallbackUrl, Delivery, Endpoint, Payload, SignedHeaders, SigningKey, bare_body, notice_body,
    standard, task_body, thin_task_body, v3,
};
use crate::port::{About, CallbackRequest, CallbackSender, Ids as _, SendOutcome};

/// Signs callbacks and sends them.
#[derive(Clone)]
pub struct Callbacks {
    pub(crate) context: Context,
    views: Views,
    vault: Vault,
    sender: Arc<dyn CallbackSender>,
}

impl Callbacks {
    pub fn new(
        context: Context,
        views: Views,
        vault: Vault,
        sender: Arc<dyn CallbackSender>,
    ) -> Self {
        Self {
            context,
            views,
            vault,
            sender,
        }
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) async fn send(&self, request: CallbackRequest) -> SendOutcome {
        self.sender.send(request).await
    }

    /// `None` for a task callback whose task names none.
    pub(crate) async fn request(
        &self,
        delivery: &Delivery,
        about: &About,
        endpoint: Option<&Endpoint>,
    ) -> Result<Option<CallbackRequest>> {
        let Some(endpoint) = endpoint else {
            return self.to_task_callback(delivery, about).await;
        };
        let body = self.body(delivery, about, endpoint.payload).await?;
        let id = delivery.event_id();
        let trace = trace_of(about);
        self.to_endpoint(endpoint, &id, &trace, body).await
    }

    /// A request that an endpoint's receiver can verify; `None` for an endpoint that is read.
    pub(crate) async fn to_endpoint(
        &self,
        endpoint: &Endpoint,
        id: &EventId,
        trace: &TraceContext,
        body: Vec<u8>,
    ) -> Result<Option<CallbackRequest>> {
        let Some(url) = endpoint.url().cloned() else {
            return Ok(None);
        };
        let (headers, extra) = self.signed(endpoint, id, &body).await?;
        Ok(Some(CallbackRequest {
            extra,
            ..self.plain_request(&endpoint.tenant, url, (headers, trace), body)
        }))
    }

    /// The headers that the body goes with.
    pub(crate) async fn signed(
        &self,
        endpoint: &Endpoint,
        id: &EventId,
        body: &[u8],
    ) -> Result<(SignedHeaders, Vec<(String, Secret)>)> {
        let signers = self.signers(endpoint).await?;
        let headers = signers.sign(id.as_str(), self.context.now(), body)?;
        Ok((headers, self.extra_headers(endpoint).await?))
    }

    async fn to_task_callback(
        &self,
        delivery: &Delivery,
        about: &About,
    ) -> Result<Option<CallbackRequest>> {
        let About::Task(task) = about else {
            return Ok(None);
        };
        let Some(url) = self.context.kept_callback(task).await? else {
            return Ok(None);
        };
        let body = self.task_callback_body(delivery, task).await?;
        let tenant = self
            .context
            .tenants()
            .get_eventual(&delivery.tenant)
            .await?;
        let now = self.context.now();
        let id = delivery.event_id();
        let mut secrets = vec![
            self.tenant_secret(&delivery.tenant, &tenant.webhook_secret)
                .await?,
        ];
        for secret in &tenant.webhook_secrets_before {
            if secret.is_valid(now) {
                secrets.push(self.tenant_secret(&delivery.tenant, &secret.sealed).await?);
            }
        }
        let headers = v3::sign(&secrets, id.as_str(), now, &body);
        let trace = task.trace_context();
        let request = self.plain_request(&delivery.tenant, url, (headers, &trace), body);
        Ok(Some(request))
    }

    /// The body of a callback that was asked for with a submit.
    pub(crate) async fn task_callback_body(
        &self,
        delivery: &Delivery,
        task: &Task,
    ) -> Result<Vec<u8>> {
        let prediction = self.views.view_of(task, self.links_from(delivery)).await?;
        Ok(bare_body(&prediction))
    }

    async fn tenant_secret(&self, tenant: &TenantId, sealed: &Sealed) -> Result<Secret> {
        self.vault.open(tenant, Belongs::Tenant, sealed).await
    }

    pub(crate) async fn body(
        &self,
        delivery: &Delivery,
        about: &About,
        payload: Payload,
    ) -> Result<Vec<u8>> {
        Ok(match (about, payload) {
            (About::Notice(notice), _) => notice_body(notice),
            (About::Task(task), Payload::Thin) => {
                thin_task_body(delivery, task, &self.link_of(task))
            }
            (About::Task(task), Payload::Full) => {
                let prediction = self.views.view_of(task, self.links_from(delivery)).await?;
                task_body(delivery, task, &prediction)
            }
        })
    }

    fn link_of(&self, task: &Task) -> String {
        let base_url = self.views.base_url().as_str();
        Prediction::link_of(task, base_url)
    }

    /// Every attempt says the same, byte for byte, unless its links would soon be dead.
    fn links_from(&self, delivery: &Delivery) -> Timestamp {
        let age_ms = self.context.now().since_ms(delivery.created_at);
        if age_ms < self.context.bounds.presign_expires_ms / 2 {
            delivery.created_at
        } else {
            self.context.now()
        }
    }

    async fn signers(&self, endpoint: &Endpoint) -> Result<standard::Signers> {
        let now = self.context.now();
        let (tenant, id) = (&endpoint.tenant, &endpoint.id);
        let mut signers = standard::Signers::default();
        for secret in endpoint.secrets_at(now) {
            let belongs = Belongs::EndpointSecret(id);
            let secret = self.vault.open(tenant, belongs, &secret.sealed).await?;
            signers.secrets.push(secret);
        }
        for key in endpoint.keys_at(now) {
            let belongs = Belongs::EndpointKey(id);
            let key = self.vault.open(tenant, belongs, &key.sealed).await?;
            signers.keys.push(key);
        }
        Ok(signers)
    }

    /// The tenant's own headers, and where the public half of a `v1a` key is published.
    async fn extra_headers(&self, endpoint: &Endpoint) -> Result<Vec<(String, Secret)>> {
        let (tenant, id) = (&endpoint.tenant, &endpoint.id);
        let mut extra = Vec::with_capacity(endpoint.headers.len() + 2);
        for (name, sealed) in &endpoint.headers {
            let belongs = Belongs::EndpointHeader(id, name);
            let value = self.vault.open(tenant, belongs, sealed).await?;
            extra.push((name.to_string(), value));
        }
        if let Some(key) = endpoint.keys_at(self.context.now()).next() {
            let base_url = self.views.base_url().as_str();
            let url = format!("{base_url}{}", SigningKey::published_at(tenant, id));
            extra.push(("fluxgate-webhook-jwks".to_owned(), Secret::new(url)));
            let kid = Secret::new(key.kid.clone());
            extra.push(("fluxgate-webhook-kid".to_owned(), kid));
        }
        Ok(extra)
    }

    fn plain_request(
        &self,
        tenant: &TenantId,
        url: CallbackUrl,
        (headers, trace): (SignedHeaders, &TraceContext),
        body: Vec<u8>,
    ) -> CallbackRequest {
        CallbackRequest {
            tenant: tenant.clone(),
            url,
            headers,
            trace: trace.hop(self.context.entropy.u64()),
            extra: Vec::new(),
            body,
            timeout_ms: self.context.bounds.relay.timeout_ms,
        }
    }
}
