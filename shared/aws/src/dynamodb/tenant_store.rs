//! Tenants, the list of them, the issuers they trust, and the audit log. A tenant's record is in
//! the partition of its tasks: the list has only names, so that what every task reads is not all in
//! one partition.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{AuditId, TenantId};
use fluxgate_core::port::TenantStore;
use fluxgate_core::port::errors::{no_such_tenant, tenant_changed, tenant_exists};
use fluxgate_core::tenant::{AuditEntry, FittingTrusts, Tenant, Trust, TrustIndex};
use serde_json::{Map, Value};

use super::attribute::{Item, Reader, number, text};
use super::error::contention;
use super::key::{AUDIT, Key, PK, SK, TENANTS, issuer_partition};
use super::table::{Range, sort_key};
use super::transact::{WriteOutcome, backoff};
use super::write::Write;
use super::{DynamoStore, json_item};

const TENANT: &str = "tenant";
const CHANGES: &str = "changes";

/// How often writing a tenant is retried when the trust in its issuers changes in the meantime.
const ROUNDS_MAX: u32 = 24;

#[async_trait]
impl TenantStore for DynamoStore {
    async fn create(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
        let record = record(tenant)?.when("attribute_not_exists(#pk)");
        let mut writes = vec![
            record,
            Write::put(Key::listed(&tenant.id), Item::new()),
            logged(entry)?,
        ];
        writes.extend(trusts(tenant)?);
        if self.write_trusted(tenant, writes).await? {
            return Ok(());
        }
        Err(tenant_exists(&tenant.id))
    }

    async fn update(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
        let version = tenant.version.saturating_sub(1);
        let before = self.at_version(&tenant.id, version).await?;
        let trusts = trusts(tenant)?;
        let stale = trust_keys(&before)
            .into_iter()
            .filter(|key| !trusts.iter().any(|write| write.key == *key));
        let mut writes = vec![if_version(record(tenant)?, version), logged(entry)?];
        writes.extend(stale.map(Write::delete));
        let left = Trust::issuers(&before.trust);
        let left = left
            .difference(&Trust::issuers(&tenant.trust))
            .copied()
            .collect::<Vec<_>>();
        writes.extend(left.into_iter().map(changed));
        writes.extend(trusts);
        if before.trust == tenant.trust {
            return self.replace(&tenant.id, &writes).await;
        }
        if self.write_trusted(tenant, writes).await? {
            Ok(())
        } else {
            Err(tenant_changed(&tenant.id))
        }
    }

    async fn reseal(&self, tenant: &Tenant) -> Result<()> {
        let version = tenant.version.saturating_sub(1);
        self.at_version(&tenant.id, version).await?;
        let write = if_version(record(tenant)?, version);
        self.replace(&tenant.id, &[write]).await
    }

    async fn delete(&self, id: &TenantId, version: u64, entry: &AuditEntry) -> Result<()> {
        let before = self.at_version(id, version).await?;
        let record = if_version(Write::delete(Key::tenant(id)), version);
        let mut writes = vec![record, Write::delete(Key::listed(id)), logged(entry)?];
        writes.extend(trust_keys(&before).into_iter().map(Write::delete));
        writes.extend(Trust::issuers(&before.trust).into_iter().map(changed));
        let keys = before.keys.iter().map(|key| Key::api_key(id, &key.id));
        writes.extend(keys.map(Write::delete));
        self.replace(id, &writes).await
    }

    /// May be stale about changes, but never about whether the tenant exists.
    async fn get_eventual(&self, id: &TenantId) -> Result<Arc<Tenant>> {
        let read = async {
            let key = Key::tenant(id);
            let found = self.table.get_eventual_or_get(&key, None).await?;
            json_item::from_item(&found.ok_or_else(|| no_such_tenant(id))?)
        };
        Ok(Arc::new(self.recent_tenants.get(id, read).await?))
    }

    async fn get(&self, id: &TenantId) -> Result<Tenant> {
        let found = self.table.get(&Key::tenant(id)).await?;
        json_item::from_item(&found.ok_or_else(|| no_such_tenant(id))?)
    }

    async fn list(&self) -> Result<Vec<Tenant>> {
        let ids = self.ids().await?;
        let items = self
            .table
            .get_all(&ids.iter().map(Key::tenant).collect::<Vec<_>>())
            .await?;
        let mut tenants: Vec<Tenant> = items
            .iter()
            .map(json_item::from_item)
            .collect::<Result<_>>()?;
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tenants)
    }

    async fn ids(&self) -> Result<Vec<TenantId>> {
        let listed = self.table.query(Range::whole(TENANTS.to_owned())).await?;
        listed
            .iter()
            .filter_map(sort_key)
            .map(TenantId::parse)
            .collect()
    }

    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        let range = |consistent| Range {
            consistent,
            ..Range::whole(issuer_partition(issuer))
        };
        let mut items = self.table.query(range(false)).await?;
        if items.is_empty() {
            items = self.table.query(range(true)).await?;
        }
        Ok(items.into_iter().filter_map(readable_trust).collect())
    }

    /// A change may be noticed a moment late, except one that lets a refused token in.
    async fn fitting(&self, issuer: &str, claims: &Map<String, Value>) -> Result<FittingTrusts> {
        let late = self.trust_index(issuer, false).await?.fitting(claims);
        if !late.fitting.is_empty() {
            return Ok(late);
        }
        Ok(self.trust_index(issuer, true).await?.fitting(claims))
    }

    async fn record(&self, entry: &AuditEntry) -> Result<()> {
        self.table.write(&[logged(entry)?]).await.map(drop)
    }

    async fn audit_log(&self, before: Option<&AuditId>, limit: usize) -> Result<Vec<AuditEntry>> {
        // The range includes its ends, so the last entry read is read again.
        let to = before.map_or_else(|| "~".to_owned(), AuditId::to_string);
        let room = limit + usize::from(before.is_some());
        let range = Range {
            to,
            newest_first: true,
            limit: room,
            ..Range::whole(AUDIT.to_owned())
        };
        let items = self.table.query(range).await?;
        let entries = items
            .iter()
            .map(json_item::from_item)
            .collect::<Result<Vec<AuditEntry>>>()?;
        Ok(entries
            .into_iter()
            .filter(|entry| before != Some(&entry.id))
            .take(limit)
            .collect())
    }
}

impl DynamoStore {
    /// The tenant, if it has this version.
    pub(super) async fn at_version(&self, id: &TenantId, version: u64) -> Result<Tenant> {
        let tenant = TenantStore::get(self, id).await?;
        if tenant.version == version {
            Ok(tenant)
        } else {
            Err(tenant_changed(id))
        }
    }

    /// Writes a tenant with new trusts; its record is the first write. Returns false if that one is
    /// refused. The transaction fails if anyone else comes to trust its issuers between the check
    /// and the write.
    async fn write_trusted(&self, tenant: &Tenant, writes: Vec<Write>) -> Result<bool> {
        for round in 0..ROUNDS_MAX {
            let mut writes = writes.clone();
            for issuer in Trust::issuers(&tenant.trust) {
                writes.push(self.trusted(issuer).await?);
                let others = self
                    .table
                    .query(Range::whole(issuer_partition(issuer)))
                    .await?;
                let others: Vec<(TenantId, Trust)> =
                    others.into_iter().map(trust).collect::<Result<_>>()?;
                Trust::check_ambiguity(&tenant.id, &tenant.trust, issuer, &others)?;
            }
            let written = self.table.write(&writes).await;
            self.recent_tenants.forget();
            match written? {
                WriteOutcome::Written => return Ok(true),
                WriteOutcome::Refused(refused) if refused.first().is_some_and(Option::is_some) => {
                    return Ok(false);
                }
                WriteOutcome::Refused(_) => tokio::time::sleep(backoff(round)).await,
            }
        }
        Err(contention())
    }

    /// The trusts of the issuer, read again only if there was a change. They are read consistently
    /// whatever is asked of the count, so that what is remembered for a count is no older than it.
    async fn trust_index(&self, issuer: &str, consistent: bool) -> Result<Arc<TrustIndex>> {
        let key = Key::trusted(issuer);
        let counted = self.table.get_item(&key, consistent, None).await?;
        let counted = counted.unwrap_or_default();
        let changes = Reader(&counted).optional_number::<u64>(CHANGES)?;
        let known = changes.and_then(|changes| self.trust_snapshots.get(issuer, changes));
        if let Some(known) = known {
            return Ok(known);
        }
        let items = self.table.query(Range::whole(issuer_partition(issuer)));
        let trusts = items.await?.into_iter().filter_map(readable_trust);
        let read = Arc::new(TrustIndex::new(trusts));
        if let Some(changes) = changes {
            self.trust_snapshots
                .insert(issuer, changes, Arc::clone(&read));
        }
        Ok(read)
    }

    /// A write that counts one more change to the set of tenants that trust the issuer; it fails if
    /// there was another one in the meantime.
    async fn trusted(&self, issuer: &str) -> Result<Write> {
        let found = self
            .table
            .get(&Key::trusted(issuer))
            .await?
            .unwrap_or_default();
        let counted = Write::update(Key::trusted(issuer));
        let counted = match Reader(&found).optional_number::<u64>(CHANGES)? {
            None => counted.when("attribute_not_exists(#changes)"),
            Some(changes) => counted
                .when("#changes = :were")
                .with(":were", number(changes)),
        };
        Ok(counted.add(CHANGES, number(1)))
    }

    /// Writes over the version that was read.
    pub(super) async fn replace(&self, id: &TenantId, writes: &[Write]) -> Result<()> {
        let written = self.table.write(writes).await;
        self.recent_tenants.forget();
        match written? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(_) => Err(tenant_changed(id)),
        }
    }
}

pub(super) fn record(tenant: &Tenant) -> Result<Write> {
    Ok(Write::put(
        Key::tenant(&tenant.id),
        json_item::to_item(tenant)?,
    ))
}

/// Only where the stored version is this one. One that was written before there were versions is
/// the first.
pub(super) fn if_version(write: Write, version: u64) -> Write {
    let condition = match version {
        1 => "attribute_exists(#pk) AND (attribute_not_exists(#version) OR #version = :version)",
        _ => "#version = :version",
    };
    write.when(condition).with(":version", number(version))
}

/// A write that counts a trust in the issuer that goes.
fn changed(issuer: &str) -> Write {
    Write::update(Key::trusted(issuer)).add(CHANGES, number(1))
}

/// The items by which a tenant is found from its issuers.
fn trusts(tenant: &Tenant) -> Result<Vec<Write>> {
    let keys = trust_keys(tenant).into_iter().zip(&tenant.trust);
    keys.map(|(key, trust)| {
        let mut item = json_item::to_item(trust)?;
        item.insert(TENANT.to_owned(), text(tenant.id.as_str()));
        Ok(Write::put(key, item))
    })
    .collect()
}

/// A trust that cannot be read grants nothing; other tenants that trust the issuer are unaffected.
fn readable_trust(item: Item) -> Option<(TenantId, Trust)> {
    let key = sort_key(&item).unwrap_or_default().to_owned();
    trust(item)
        .inspect_err(|error| {
            tracing::error!(
                key,
                error = error.with_causes(),
                "a stored trust cannot be read and is ignored; set it again"
            );
        })
        .ok()
}

/// A trust's parser rejects unknown fields, so the item's own attributes are removed first.
fn trust(mut item: Item) -> Result<(TenantId, Trust)> {
    let tenant = TenantId::parse(Reader(&item).text(TENANT)?)?;
    for own in [PK, SK, TENANT] {
        item.remove(own);
    }
    Ok((tenant, json_item::from_item(&item)?))
}

fn trust_keys(tenant: &Tenant) -> Vec<Key> {
    let numbered = tenant.trust.iter().enumerate();
    numbered
        .map(|(n, trust)| Key::trust(&trust.issuer, &tenant.id, n))
        .collect()
}

pub(super) fn logged(entry: &AuditEntry) -> Result<Write> {
    Ok(Write::put(
        Key::audit(&entry.id),
        json_item::to_item(entry)?,
    ))
}
