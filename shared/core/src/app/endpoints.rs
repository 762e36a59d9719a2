//! Tenants' webhook endpoints.

use std::sync::Arc;

use super::Context;
use crate::base::echo::echo;
use crate::base::error::{Error, Result};
use crate::base::id::{EndpointId, TenantId};
use crate::base::secret::Secret;
use crate::domain::webhook::{CallbackUrl, Endpoint, EventType, too_many_endpoints};
use crate::port::{AddressGuard, Ids as _, Purpose};

/// A tenant's request for a new endpoint.
#[derive(Debug)]
pub struct NewEndpoint {
    /// Absolute `https` URL.
    pub url: String,
    /// `None` subscribes to all events.
    pub event_types: Vec<String>,
}

/// The tenant's endpoint use cases.
pub struct Endpoints {
    context: Context,
    guard: Arc<dyn AddressGuard>,
}

impl Endpoints {
    pub fn new(context: Context, guard: Arc<dyn AddressGuard>) -> Self {
        Self { context, guard }
    }

    /// Registers an endpoint with its own secret.
    ///
    /// Kind `Invalid`, naming the field, for an address that may not be called or an unknown event
    /// type; kind `Conflict` with code `too_many_endpoints`.
    pub async fn create(&self, tenant: &TenantId, new: &NewEndpoint) -> Result<Endpoint> {
        let url = CallbackUrl::parse_new(&new.url).map_err(|error| error.field("url"))?;
        self.guard
            .admit(Purpose::Callback, url.url())
            .map_err(|error| error.field("url"))?;
        let event_types = new
            .event_types
            .iter()
            .map(|text| event_type(text))
            .collect::<Result<_>>()?;
        let endpoints_max = self.context.bounds.endpoints_max;
        // The write enforces the limit; this check only saves the DNS lookup below.
        if self.context.endpoints().list(tenant).await?.len() >= endpoints_max {
            return Err(too_many_endpoints(endpoints_max));
        }
        // Last, because the DNS lookup may be slow.
        let checked = self.guard.check(tenant, Purpose::Callback, url.url()).await;
        checked.map_err(|error| error.field("url"))?;
        let now = self.context.now();
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        let endpoint = Endpoint {
            tenant: tenant.clone(),
            id: self.context.entropy.endpoint_id(now),
            url,
            secrets: vec![Secret::webhook(random)],
            event_types,
            enabled: true,
            created_at: now,
        };
        self.context
            .endpoints()
            .create(&endpoint, endpoints_max)
            .await?;
        Ok(endpoint)
    }

    /// The endpoints that can be read, oldest first.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Endpoint>> {
        Ok(self.context.endpoints().list(tenant).await?.endpoints)
    }

    /// Kind `NotFound` for foreign and unknown ids alike.
    pub async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        self.context.endpoints().get(tenant, id).await
    }

    /// Pending deliveries to it are dropped. Kind `NotFound` as in [`Self::get`].
    pub async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        self.context.endpoints().delete(tenant, id).await
    }
}

fn event_type(text: &str) -> Result<EventType> {
    let known = [EventType::TaskCompleted, EventType::TaskFailed];
    known
        .into_iter()
        .find(|event| event.as_str() == text)
        .ok_or_else(|| {
            let [completed, failed] = known.map(EventType::as_str);
            let text = format!(
                "'{}' is not an event type; use {completed} or {failed}",
                echo(text)
            );
            Error::invalid("invalid_parameter", text).field("event_types")
        })
}
