//! Whose books there are: the tenants, and those that were deleted, whose tasks and ledger stay.

use std::collections::BTreeSet;

use crate::base::error::Result;
use crate::base::id::{AuditId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::tenant::AuditAction;
use crate::port::TenantStore;

/// Entries of the audit log read at once.
const PAGE_ENTRIES: usize = 200;

/// Every tenant, and every one that was deleted then or later.
pub(crate) async fn everybody(
    tenants: &dyn TenantStore,
    deleted_since: Timestamp,
) -> Result<BTreeSet<TenantId>> {
    let mut all: BTreeSet<TenantId> = tenants.ids().await?.into_iter().collect();
    let mut before: Option<AuditId> = None;
    loop {
        let entries = tenants.audit_log(before.as_ref(), PAGE_ENTRIES).await?;
        let Some(last) = entries.last() else {
            return Ok(all);
        };
        before = Some(last.id.clone());
        let is_last = last.at < deleted_since || entries.len() < PAGE_ENTRIES;
        let deletions = entries
            .into_iter()
            .filter(|it| it.action == AuditAction::TenantDeleted && it.at >= deleted_since);
        all.extend(deletions.filter_map(|entry| entry.tenant));
        if is_last {
            return Ok(all);
        }
    }
}
