//! Tenants, the list of them, and whom they trust. A tenant's record lies with its tasks: the list holds names alone, so that what
//! every task reads is not all in one partition.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::TenantStore;
use fluxgate_core::tenant::{Tenant, Trust};
use fluxgate_core::{Error, Kind, Result};

use super::attribute::{Item, Reader, text};
use super::key::{Key, TENANTS, issuer_partition};
use super::table::{Range, sort_key};
use super::transact::Outcome;
use super::write::Write;
use super::{DynamoStore, json_item};

const TENANT: &str = "tenant";

#[async_trait]
impl TenantStore for DynamoStore {
    async fn create(&self, tenant: &Tenant) -> Result<()> {
        let record = Write::put(Key::tenant(&tenant.id), json_item::to_item(tenant)?).when("attribute_not_exists(#pk)");
        let mut writes = vec![record, Write::put(Key::listed(&tenant.id), Item::new())];
        for (n, trust) in tenant.trust.iter().enumerate() {
            let mut item = json_item::to_item(trust)?;
            item.insert(TENANT.to_owned(), text(tenant.id.as_str()));
            writes.push(Write::put(Key::trust(&trust.issuer, &tenant.id, n), item));
        }
        match self.table.write(&writes).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(_) => {
                let text = format!("there is a tenant '{}' already; choose another name", tenant.id);
                Err(Error::new(Kind::Conflict, "tenant_exists", text))
            }
        }
    }

    /// A moment late about changes, never about whether there is such a tenant.
    async fn get(&self, id: &TenantId) -> Result<Tenant> {
        let key = Key::tenant(id);
        let found = match self.table.glance(&key, None).await? {
            Some(item) => Some(item),
            None => self.table.get(&key).await?,
        };
        let item = found.ok_or_else(|| {
            Error::not_found(format!("there is no tenant '{id}'; 'fluxgate tenants list' shows those there are"))
        })?;
        json_item::from_item(&item)
    }

    async fn list(&self) -> Result<Vec<Tenant>> {
        let listed = self.table.query(Range::whole(TENANTS.to_owned())).await?;
        let ids: Vec<TenantId> = listed.iter().filter_map(sort_key).map(TenantId::parse).collect::<Result<_>>()?;
        let items = self.table.get_all(&ids.iter().map(Key::tenant).collect::<Vec<_>>()).await?;
        let mut tenants: Vec<Tenant> = items.iter().map(json_item::from_item).collect::<Result<_>>()?;
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tenants)
    }

    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        let items = self.table.query(Range::whole(issuer_partition(issuer))).await?;
        items
            .iter()
            .map(|item| Ok((TenantId::parse(Reader(item).text(TENANT)?)?, json_item::from_item(item)?)))
            .collect()
    }
}
