//! What operators do about money, each in one transaction with its ledger entry and its audit
//! entry.

use fluxgate_core::id::TenantId;
use fluxgate_core::metering::day_sums::Origin;
use fluxgate_core::money::{Account, Adjustment, Corrected, EntryKind, LedgerEntry, MicroUsd};
use fluxgate_core::port::errors::{adjustment_used, no_such_top_up, reference_used, top_up_voided};
use fluxgate_core::task::{Change, Refund, Task};
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::{Error, Result};
use rusqlite::Connection;

use super::task_rows::{check_version, replace_task};
use super::{audit_log, money, timeline};

pub(super) fn top_up(
    connection: &Connection,
    tenant: &TenantId,
    amount: MicroUsd,
    reference: String,
    entry: &AuditEntry,
) -> Result<Account> {
    let account = money::read(connection, tenant)?;
    if let Some(before) = money::entered(connection, tenant, EntryKind::TopUp, &reference)? {
        if money::entered(connection, tenant, EntryKind::Void, &reference)?.is_some() {
            return Err(top_up_voided(&reference, before.amount));
        }
        if before.amount != amount {
            return Err(reference_used(&reference, before.amount));
        }
        return Ok(account);
    }
    let account = account.top_up(amount)?;
    let line = LedgerEntry {
        kind: EntryKind::TopUp,
        reference,
        amount,
        at: entry.at,
        reason: None,
    };
    made(
        connection,
        (tenant, &Origin::default()),
        account,
        &line,
        entry,
    )
}

pub(super) fn adjust(
    connection: &Connection,
    tenant: &TenantId,
    adjustment: &Adjustment,
    entry: &AuditEntry,
) -> Result<Corrected> {
    let account = money::read(connection, tenant)?;
    let Adjustment {
        amount, reference, ..
    } = adjustment;
    let kind = adjustment.direction.kind();
    match money::entered(connection, tenant, kind, reference)? {
        Some(before) if before.amount == *amount => return Ok(Corrected::repeated(account)),
        Some(before) => return Err(adjustment_used(reference, before.amount)),
        None => {}
    }
    let account = account.adjust(adjustment)?;
    let line = LedgerEntry {
        kind,
        reference: reference.clone(),
        amount: *amount,
        at: entry.at,
        reason: Some(adjustment.reason.clone()),
    };
    made(
        connection,
        (tenant, &Origin::default()),
        account,
        &line,
        entry,
    )
    .map(Corrected::new)
}

pub(super) fn void_top_up(
    connection: &Connection,
    tenant: &TenantId,
    (reference, amount): (String, MicroUsd),
    reason: String,
    entry: &AuditEntry,
) -> Result<Corrected> {
    let account = money::read(connection, tenant)?;
    let top_up = money::entered(connection, tenant, EntryKind::TopUp, &reference)?;
    top_up
        .filter(|top_up| top_up.amount == amount)
        .ok_or_else(|| no_such_top_up(&reference))?;
    if money::entered(connection, tenant, EntryKind::Void, &reference)?.is_some() {
        return Ok(Corrected::repeated(account));
    }
    let account = account.void(amount)?;
    let line = LedgerEntry {
        kind: EntryKind::Void,
        reference,
        amount,
        at: entry.at,
        reason: Some(reason),
    };
    made(
        connection,
        (tenant, &Origin::default()),
        account,
        &line,
        entry,
    )
    .map(Corrected::new)
}

pub(super) fn refund(
    connection: &Connection,
    change: &Change,
    reason: String,
    entry: &AuditEntry,
) -> Result<Account> {
    let Some(refund) = &change.task.refund else {
        return Err(Error::internal("transition", "the change refunds nothing"));
    };
    let task = &change.task;
    // An outdated change is one, whatever its account would say.
    check_version(connection, task, change.expected_version())?;
    let account = money::read(connection, &task.tenant)?;
    let (account, counted_in) = account.refund(refund.amount, &task.hold, task.created_at)?;
    let task = &Task {
        refund: Some(Refund {
            counted_in,
            ..refund.clone()
        }),
        ..task.clone()
    };
    let steps = timeline::lines_of(&change.steps)?;
    replace_task(connection, task, change.expected_version(), &steps)?;
    let line = LedgerEntry {
        kind: EntryKind::Refund,
        reference: task.id.to_string(),
        amount: refund.amount,
        at: refund.at,
        reason: Some(reason),
    };
    let of = (&task.tenant, &Origin::of(task));
    made(connection, of, account, &line, entry)
}

fn made(
    connection: &Connection,
    (tenant, origin): (&TenantId, &Origin),
    account: Account,
    line: &LedgerEntry,
    entry: &AuditEntry,
) -> Result<Account> {
    money::write(connection, tenant, &account)?;
    money::enter(connection, tenant, origin, line)?;
    audit_log::add(connection, entry)?;
    Ok(account)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fluxgate_core::money::Direction;
    use fluxgate_core::port::{AccountStore as _, Ids as _, SystemClock, SystemEntropy};
    use fluxgate_core::tenant::{Actor, AuditAction};
    use fluxgate_core::time::Timestamp;

    use super::*;
    use crate::sqlite::SqliteStore;

    /// The audit entry is written last, and its id is taken.
    #[tokio::test]
    async fn a_correction_whose_last_write_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let entry = AuditEntry {
            id: SystemEntropy.audit_id(Timestamp(0)),
            at: Timestamp(0),
            actor: Actor::cli(),
            action: AuditAction::AccountCredited,
            tenant: Some(tenant.clone()),
            detail: serde_json::json!({}),
        };
        let credit = |reference: &str| Adjustment {
            direction: Direction::Credit,
            amount: MicroUsd(5),
            reference: reference.to_owned(),
            reason: "why".to_owned(),
        };
        let first = store.adjust(&tenant, &credit("a"), &entry).await.unwrap();

        let failed = store.adjust(&tenant, &credit("b"), &entry).await;

        assert_eq!(failed.unwrap_err().code, "database");
        assert_eq!(store.account(&tenant).await.unwrap(), first.account);
        assert_eq!(store.ledger(&tenant).await.unwrap().len(), 1);
    }
}
