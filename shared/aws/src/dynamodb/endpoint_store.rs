//! Endpoints.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::endpoint::Endpoint;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::port::EndpointStore;
use fluxgate_core::{Error, Result};

use super::key::{ENDPOINT_PREFIX, Key, tenant_partition};
use super::table::Range;
use super::transact::Outcome;
use super::write::Write;
use super::{DynamoStore, json_item};

#[async_trait]
impl EndpointStore for DynamoStore {
    async fn put(&self, endpoint: &Endpoint) -> Result<()> {
        let item = json_item::to_item(endpoint)?;
        self.table.write(&[Write::put(Key::endpoint(&endpoint.tenant, &endpoint.id), item)]).await.map(drop)
    }

    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        let item = self.table.get(&Key::endpoint(tenant, id)).await?;
        json_item::from_item(&item.ok_or_else(no_such_endpoint)?)
    }

    async fn glance(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        let item = self.table.glance_or_get(&Key::endpoint(tenant, id), None).await?;
        json_item::from_item(&item.ok_or_else(no_such_endpoint)?)
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<Endpoint>> {
        let items = self.table.query(Range::prefixed(tenant_partition(tenant), ENDPOINT_PREFIX)).await?;
        items.iter().map(json_item::from_item).collect()
    }

    async fn disable(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        let write = Write::update(Key::endpoint(tenant, id))
            .when("attribute_exists(#pk)")
            .set("enabled", AttributeValue::Bool(false));
        self.table.write(&[write]).await.map(drop)
    }

    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        let write = Write::delete(Key::endpoint(tenant, id)).when("attribute_exists(#pk)");
        match self.table.write(&[write]).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(_) => Err(no_such_endpoint()),
        }
    }
}

fn no_such_endpoint() -> Error {
    Error::not_found("there is no endpoint of this id; GET /v1/endpoints lists yours")
}
