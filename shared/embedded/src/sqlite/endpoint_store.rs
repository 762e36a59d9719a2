//! Endpoints.

use async_trait::async_trait;
use fluxgate_core::endpoint::Endpoint;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::port::EndpointStore;
use fluxgate_core::{Error, Result};
use rusqlite::params;

use super::SqliteStore;
use super::error::{database, unreadable, unwritable};

#[async_trait]
impl EndpointStore for SqliteStore {
    async fn put(&self, endpoint: &Endpoint) -> Result<()> {
        let body = serde_json::to_string(endpoint).map_err(unwritable)?;
        let (tenant, id) = (endpoint.tenant.clone(), endpoint.id.clone());
        self.write(move |write| {
            write
                .connection
                .execute(
                    "INSERT OR REPLACE INTO endpoints (tenant, id, body) VALUES (?1, ?2, ?3)",
                    params![tenant.as_str(), id.as_str(), body],
                )
                .map(drop)
                .map_err(database("write an endpoint"))
        })
        .await
    }

    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        let body = self
            .readers
            .row(
                "SELECT body FROM endpoints WHERE tenant = ?1 AND id = ?2",
                params![tenant.as_str(), id.as_str()],
                |row| row.get::<_, String>(0),
            )?
            .ok_or_else(no_such_endpoint)?;
        serde_json::from_str(&body).map_err(unreadable)
    }

    async fn glance(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        self.get(tenant, id).await
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<Endpoint>> {
        let bodies = self.readers.rows(
            "SELECT body FROM endpoints WHERE tenant = ?1 ORDER BY id",
            params![tenant.as_str()],
            |row| row.get::<_, String>(0),
        )?;
        bodies.iter().map(|body| serde_json::from_str(body).map_err(unreadable)).collect()
    }

    async fn disable(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        let (tenant, id) = (tenant.clone(), id.clone());
        self.write(move |write| {
            write
                .connection
                .execute(
                    "UPDATE endpoints SET body = json_set(body, '$.enabled', json('false')) WHERE tenant = ?1 AND id = ?2",
                    params![tenant.as_str(), id.as_str()],
                )
                .map(drop)
                .map_err(database("write an endpoint"))
        })
        .await
    }

    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        let (tenant, id) = (tenant.clone(), id.clone());
        self.write(move |write| {
            let deleted = write
                .connection
                .execute("DELETE FROM endpoints WHERE tenant = ?1 AND id = ?2", params![tenant.as_str(), id.as_str()])
                .map_err(database("delete an endpoint"))?;
            if deleted == 1 { Ok(()) } else { Err(no_such_endpoint()) }
        })
        .await
    }
}

fn no_such_endpoint() -> Error {
    Error::not_found("there is no endpoint of this id; GET /v1/endpoints lists yours")
}
