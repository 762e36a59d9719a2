//! Where a tenant wants its events: creating, changing, rotating what signs.

mod change;
mod published;
mod rotation;
mod test_event;
mod test_pace;

use std::sync::Arc;

pub use change::{EndpointChange, Release};
pub use rotation::Rotation;
pub use test_event::TestOutcome;

use self::test_pace::TestPace;
use super::endpoint_writes::EndpointWrites;
use super::{Callbacks, Context};
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{EndpointId, TenantId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::webhook::{CallbackUrl, Endpoint, EndpointKind, Pull, too_many_endpoints};
use crate::port::errors::endpoint_exists;
use crate::port::{AddressGuard, EndpointList, Ids as _, Purpose, Queue};

/// The tenant's use cases of endpoints.
pub struct Endpoints {
    context: Context,
    guard: Arc<dyn AddressGuard>,
    callbacks: Callbacks,
    writes: EndpointWrites,
    tests: TestPace,
}

/// A new endpoint, and its secret, which nobody is shown again.
pub struct NewEndpoint {
    pub endpoint: Endpoint,
    pub secret: Secret,
}

impl Endpoints {
    pub fn new(guard: Arc<dyn AddressGuard>, callbacks: Callbacks, queue: Arc<dyn Queue>) -> Self {
        Self {
            writes: EndpointWrites::new(&callbacks.context, queue),
            context: callbacks.context.clone(),
            guard,
            callbacks,
            tests: TestPace::default(),
        }
    }

    /// Registers an endpoint, with the secret that is given or one of its own.
    ///
    /// Kind `Invalid`, naming the field, for what cannot be; kind `Conflict` with code
    /// `endpoint_exists` where one of the tenant's has the URL, `too_many_endpoints`, and
    /// `too_many_pull_endpoints`.
    pub async fn create(
        &self,
        tenant: &TenantId,
        change: &EndpointChange,
        secret: Option<Secret>,
    ) -> Result<NewEndpoint> {
        refuse_pull_of_operator(tenant, change)?;
        let kind = self.kind(change)?;
        let there = self.unexpired(tenant).await?;
        let endpoints_max = self.context.bounds.relay.endpoints_max;
        // The write decides; a tenant that is full is not worth a look-up.
        if there.len() >= endpoints_max {
            return Err(too_many_endpoints(endpoints_max));
        }
        if let EndpointKind::Push { url } = &kind {
            refuse_duplicate(&there.endpoints, url, None)?;
        }
        let now = self.context.now();
        let id = self.context.entropy.endpoint_id(now);
        let secret = self.secret_or_fresh(secret)?;
        let first = self.sealed_secret(tenant, &id, &secret).await?;
        let endpoint = Endpoint::new(tenant.clone(), id, kind, first, now);
        let prepared = self.prepared(tenant, &endpoint.id, change).await?;
        let endpoint = prepared.apply(&endpoint)?;
        // Last, because a name may take its time.
        self.check_url(&endpoint).await?;
        let created = self.context.endpoints().create(&endpoint, endpoints_max);
        created.await?;
        Ok(NewEndpoint { endpoint, secret })
    }

    /// What the views of endpoints go by.
    pub fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Those that can be read, oldest first.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Endpoint>> {
        Ok(self.context.endpoints().list(tenant).await?.endpoints)
    }

    /// Kind `NotFound` for foreign and unknown ids alike.
    pub async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        self.context.endpoints().get(tenant, id).await
    }

    /// Changes what is given and leaves the rest. Enabling what is enabled changes nothing; else
    /// what was held meanwhile is released, unless the change says otherwise.
    ///
    /// Kinds as in [`Self::create`] and [`Self::get`].
    pub async fn change(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        change: &EndpointChange,
    ) -> Result<Endpoint> {
        let endpoint = self.get(tenant, id).await?;
        if let Some(text) = &change.url {
            let url = self.plausible_url(text)?;
            if endpoint.url().is_some_and(|known| *known != url) {
                let there = self.context.endpoints().list(tenant).await?;
                refuse_duplicate(&there.endpoints, &url, Some(id))?;
                let kind = EndpointKind::Push { url };
                self.check_url(&Endpoint { kind, ..endpoint }).await?;
            }
        }
        let prepared = self.prepared(tenant, id, change).await?;
        self.writes
            .update(tenant, id, |endpoint| prepared.apply(endpoint))
            .await
    }

    /// What is on its way to it is sent no more. Kind `NotFound` as in [`Self::get`].
    pub async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        self.context.endpoints().delete(tenant, id).await
    }

    /// Pull endpoints that nobody reads any more make room.
    async fn unexpired(&self, tenant: &TenantId) -> Result<EndpointList> {
        let mut there = self.context.endpoints().list(tenant).await?;
        let now = self.context.now();
        let expired = there.endpoints.extract_if(.., |it| it.is_expired(now));
        for endpoint in expired.collect::<Vec<_>>() {
            match self.context.endpoints().delete(tenant, &endpoint.id).await {
                Err(error) if error.kind != Kind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(there)
    }

    fn kind(&self, change: &EndpointChange) -> Result<EndpointKind> {
        if change.pull == Some(true) {
            let unread_max_ms = self.context.bounds.relay.inbox_unread_max_ms;
            let pull = Pull::new(self.context.now().plus_ms(unread_max_ms));
            return Ok(EndpointKind::Pull { pull });
        }
        let url = change.url.as_deref().ok_or_else(url_missing)?;
        let url = self.plausible_url(url)?;
        Ok(EndpointKind::Push { url })
    }

    /// A URL that asks nobody to be refused.
    fn plausible_url(&self, text: &str) -> Result<CallbackUrl> {
        let url = CallbackUrl::parse_new(text).map_err(|error| error.field("url"))?;
        let admitted = self.guard.admit(Purpose::Callback, url.url());
        admitted.map_err(|error| error.field("url"))?;
        Ok(url)
    }

    async fn check_url(&self, endpoint: &Endpoint) -> Result<()> {
        let Some(url) = endpoint.url() else {
            return Ok(());
        };
        let checked = self
            .guard
            .check(&endpoint.tenant, Purpose::Callback, url.url());
        checked.await.map_err(|error| error.field("url"))
    }
}

/// Nobody reads an inbox of the operator's: it has no tenant's API.
fn refuse_pull_of_operator(tenant: &TenantId, change: &EndpointChange) -> Result<()> {
    if !tenant.is_operator() || change.pull != Some(true) {
        return Ok(());
    }
    let text = "an endpoint of the operator's own cannot be read; give it a 'url'";
    Err(Error::invalid("invalid_parameter", text).field("pull"))
}

fn url_missing() -> Error {
    let text =
        "the body is missing the required field 'url', the address that events are POSTed to";
    Error::invalid("missing_parameter", text).field("url")
}

/// The write decides; a duplicate that is there is not worth a look-up.
fn refuse_duplicate(
    there: &[Endpoint],
    url: &CallbackUrl,
    except: Option<&EndpointId>,
) -> Result<()> {
    let same = |known: &&Endpoint| known.url() == Some(url) && except != Some(&known.id);
    there
        .iter()
        .find(same)
        .map_or(Ok(()), |known| Err(endpoint_exists(&known.id)))
}
