//! Endpoints.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::port::errors::{endpoint_changed, endpoint_exists, no_such_endpoint};
use fluxgate_core::port::{EndpointList, EndpointStore};
use fluxgate_core::webhook::{
    CallbackUrl, Endpoint, PULL_ENDPOINTS_MAX, too_many_endpoints, too_many_pull_endpoints,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteStore;
use super::erasing::erasing;
use super::error::{database, parsed, unwritable};

#[async_trait]
impl EndpointStore for SqliteStore {
    async fn create(&self, endpoint: &Endpoint, endpoints_max: usize) -> Result<()> {
        let body = serde_json::to_string(endpoint).map_err(unwritable)?;
        let (tenant, id) = (endpoint.tenant.clone(), endpoint.id.clone());
        let most = i64::try_from(endpoints_max).unwrap_or(i64::MAX);
        let is_pull = endpoint.pull().is_some();
        let url = endpoint.url().map(|url| url.url().to_string());
        self.write(move |write| {
            refuse_taken_url(write.connection, &tenant, &id, url.as_deref())?;
            if is_pull {
                refuse_too_many_pull_endpoints(write.connection, &tenant)?;
            }
            let created = write
                .connection
                .execute(
                    "INSERT INTO endpoints (tenant, id, body) SELECT ?1, ?2, ?3
                     WHERE (SELECT count(*) FROM endpoints WHERE tenant = ?1) < ?4",
                    params![tenant.as_str(), id.as_str(), body, most],
                )
                .map_err(database("write an endpoint"))?;
            if created == 1 {
                Ok(())
            } else {
                Err(too_many_endpoints(endpoints_max))
            }
        })
        .await
    }

    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        let body = self
            .reading()
            .await
            .row(
                "SELECT body FROM endpoints WHERE tenant = ?1 AND id = ?2",
                params![tenant.as_str(), id.as_str()],
                |row| row.get::<_, String>(0),
            )?
            .ok_or_else(no_such_endpoint)?;
        parsed(&body, format_args!("endpoint '{id}' of tenant '{tenant}'"))
    }

    async fn get_eventual(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        self.get(tenant, id).await
    }

    async fn list(&self, tenant: &TenantId) -> Result<EndpointList> {
        let rows = self.reading().await.rows(
            "SELECT id, body FROM endpoints WHERE tenant = ?1 ORDER BY id",
            params![tenant.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )?;
        let mut list = EndpointList::default();
        for (id, body) in rows {
            let what = format!("endpoint '{id}' of tenant '{tenant}'");
            list.push(tenant, EndpointId::parse(&id)?, parsed(&body, what));
        }
        Ok(list)
    }

    async fn update(&self, endpoint: &Endpoint) -> Result<()> {
        self.write_endpoint(endpoint, None).await
    }

    async fn update_url(&self, endpoint: &Endpoint, _before: &CallbackUrl) -> Result<()> {
        let url = endpoint.url().map(|url| url.url().to_string());
        self.write_endpoint(endpoint, url).await
    }

    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        let (tenant, id) = (tenant.clone(), id.clone());
        self.write(move |write| {
            let deleted = write
                .connection
                .execute(
                    "DELETE FROM endpoints WHERE tenant = ?1 AND id = ?2",
                    params![tenant.as_str(), id.as_str()],
                )
                .map_err(database("delete an endpoint"))?;
            if deleted == 1 {
                Ok(())
            } else {
                Err(no_such_endpoint())
            }
        })
        .await
    }
}

impl SqliteStore {
    /// Over the version before; `url` is one that the endpoint did not have.
    async fn write_endpoint(&self, endpoint: &Endpoint, url: Option<String>) -> Result<()> {
        let body = serde_json::to_string(endpoint).map_err(unwritable)?;
        let (tenant, id) = (endpoint.tenant.clone(), endpoint.id.clone());
        let version = i64::try_from(endpoint.version).unwrap_or(i64::MAX);
        self.write(move |write| {
            refuse_taken_url(write.connection, &tenant, &id, url.as_deref())?;
            let sql = "UPDATE endpoints SET body = ?3 WHERE tenant = ?1 AND id = ?2
                       AND coalesce(json_extract(body, '$.version'), 0) = ?4 - 1";
            let changed = erasing(write.connection, |connection| {
                connection
                    .execute(sql, params![tenant.as_str(), id.as_str(), body, version])
                    .map_err(database("write an endpoint"))
            })?;
            if changed == 1 {
                Ok(())
            } else {
                Err(endpoint_changed())
            }
        })
        .await
    }
}

fn refuse_taken_url(
    connection: &Connection,
    tenant: &TenantId,
    id: &EndpointId,
    url: Option<&str>,
) -> Result<()> {
    let sql = "SELECT id FROM endpoints WHERE tenant = ?1 AND id <> ?2
               AND json_extract(body, '$.url') = ?3";
    let holder: Option<String> = connection
        .query_row(sql, params![tenant.as_str(), id.as_str(), url], |row| {
            row.get(0)
        })
        .optional()
        .map_err(database("look for a URL"))?;
    holder.map_or(Ok(()), |holder| {
        Err(endpoint_exists(&EndpointId::parse(&holder)?))
    })
}

fn refuse_too_many_pull_endpoints(connection: &Connection, tenant: &TenantId) -> Result<()> {
    let sql = "SELECT count(*) FROM endpoints WHERE tenant = ?1
               AND json_extract(body, '$.pull') IS NOT NULL";
    let there: u32 = connection
        .query_row(sql, params![tenant.as_str()], |row| row.get(0))
        .map_err(database("count pull endpoints"))?;
    if (there as usize) < PULL_ENDPOINTS_MAX {
        Ok(())
    } else {
        Err(too_many_pull_endpoints())
    }
}
