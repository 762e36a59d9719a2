//! No two endpoints of a tenant have one URL: an item for each URL names the endpoint that has it.
//! Endpoints of earlier releases have none.

use fluxgate_core::Result;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::port::errors::endpoint_exists;
use fluxgate_core::webhook::{CallbackUrl, Endpoint};

use super::DynamoStore;
use super::attribute::{Item, Reader, text};
use super::key::Key;
use super::write::Write;

const ENDPOINT: &str = "endpoint";

/// Part of the write of an endpoint that is POSTed to.
pub(super) fn take(endpoint: &Endpoint) -> Option<Write> {
    let key = Key::endpoint_url(&endpoint.tenant, endpoint.url()?.url().as_str());
    let item = Item::from([(ENDPOINT.to_owned(), text(endpoint.id.as_str()))]);
    Some(Write::put(key, item).when("attribute_not_exists(#pk)"))
}

/// Part of the write after which the endpoint has this URL no more.
pub(super) fn free(tenant: &TenantId, id: &EndpointId, url: &str) -> Write {
    Write::delete(Key::endpoint_url(tenant, url))
        .when("attribute_not_exists(#pk) OR #endpoint = :endpoint")
        .with(":endpoint", text(id.as_str()))
}

impl DynamoStore {
    /// Kind `Conflict` where another endpoint has the URL.
    pub(super) async fn refuse_taken_url(&self, endpoint: &Endpoint) -> Result<()> {
        let Some(url) = endpoint.url().map(CallbackUrl::url) else {
            return Ok(());
        };
        let key = Key::endpoint_url(&endpoint.tenant, url.as_str());
        let Some(item) = self.table.get(&key).await? else {
            return Ok(());
        };
        let holder = EndpointId::parse(Reader(&item).text(ENDPOINT)?)?;
        if holder == endpoint.id {
            return Ok(());
        }
        Err(endpoint_exists(&holder))
    }
}
