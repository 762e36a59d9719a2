//! The ledger by pages: `AccountStore::ledger_page`.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Direction, EntryKind, LedgerEntry, LedgerQuery, MicroUsd};
use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::time::Timestamp;

use super::{PRICE, Stores, budgets, fresh_tenant, now, tenant_store};

const DAY_MS: i64 = 86_400_000;

/// All that may be asked for of the last days.
fn query(limit: usize) -> LedgerQuery {
    let until = now().plus_ms(60_000);
    let from = Timestamp(until.0 - DAY_MS);
    LedgerQuery {
        from,
        until,
        made_from: from,
        after: None,
        limit,
    }
}

impl Stores {
    async fn page(&self, tenant: &TenantId, query: &LedgerQuery) -> Vec<LedgerEntry> {
        self.accounts.ledger_page(tenant, query).await.unwrap()
    }
}

pub async fn pages_of_the_ledger_are_the_whole_ledger_in_its_order(stores: Stores) {
    let tenant = stores.funded(10).await;
    for n in 0..5 {
        let task = stores.charged(&tenant).await;
        if n % 2 == 0 {
            stores.refund(&task, 10_000).await.unwrap();
        }
        stores.admitted(&tenant).await;
    }
    let adjust = |direction| stores.adjust(&tenant, direction, 7, "note");
    adjust(Direction::Credit).await.unwrap();
    adjust(Direction::Debit).await.unwrap();
    let whole = stores.accounts.ledger(&tenant).await.unwrap();

    for limit in [1, 3, 100] {
        let (mut query, mut read) = (query(limit), Vec::new());
        loop {
            let page = stores.page(&tenant, &query).await;
            query.after = page.last().map(LedgerEntry::position).or(query.after);
            read.extend(page.iter().cloned());
            if page.len() < limit {
                break;
            }
        }
        assert_eq!(read, whole, "pages of {limit}");
    }
    let balance: i64 = whole.iter().map(|entry| entry.change().0).sum();
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(account.balance(), MicroUsd(balance));
}

pub async fn a_page_of_the_ledger_has_the_window_s_entries_and_no_others(stores: Stores) {
    let (tenant, late) = (fresh_tenant(), now());
    let early = Timestamp(late.0 - 3 * DAY_MS);
    let entry = AuditEntry {
        at: early,
        ..tenant_store::entry(&tenant)
    };
    stores
        .accounts
        .top_up(&tenant, PRICE, "first", &entry)
        .await
        .unwrap();
    let mut admission = budgets::at(&tenant, early);
    admission.task.id = SystemEntropy.task_id(early);
    let old = stores.admit(admission).await.unwrap();
    budgets::completed(&stores, &old).await;
    stores
        .adjust(&tenant, Direction::Credit, 7, "n")
        .await
        .unwrap();
    let window = |from: i64, until: i64| LedgerQuery {
        from: Timestamp(from),
        until: Timestamp(until),
        made_from: Timestamp(from - 5 * DAY_MS),
        after: None,
        limit: 100,
    };
    let kinds = |entries: Vec<LedgerEntry>| -> Vec<EntryKind> {
        entries.iter().map(|entry| entry.kind).collect()
    };

    let before = stores.page(&tenant, &window(early.0 - 5, early.0)).await;
    let between = stores
        .page(&tenant, &window(early.0 + 1, early.0 + DAY_MS))
        .await;
    let after = stores
        .page(&tenant, &window(late.0 - DAY_MS, late.0 + DAY_MS))
        .await;
    let nobody = stores.page(&fresh_tenant(), &query(100)).await;

    assert_eq!(kinds(before), [EntryKind::Hold, EntryKind::TopUp]);
    assert_eq!((between, nobody), (Vec::new(), Vec::new()));
    assert_eq!(
        kinds(after),
        [EntryKind::Capture, EntryKind::AdjustmentCredit]
    );
}

/// A refund comes long after the life of its task.
pub async fn a_refund_of_an_old_task_is_in_the_window_of_its_day(stores: Stores) {
    let tenant = stores.funded(1).await;
    let early = Timestamp(now().0 - 90 * DAY_MS);
    let task = stores.admit(budgets::at(&tenant, early)).await.unwrap();
    budgets::completed(&stores, &task).await;
    let task = stores.tasks.get(&tenant, &task.id).await.unwrap();

    stores.refund(&task, PRICE.0).await.unwrap();

    let query = LedgerQuery {
        from: Timestamp(now().0 - DAY_MS),
        until: now().plus_ms(60_000),
        // No task that was made before this is looked at.
        made_from: now().plus_ms(30_000),
        after: None,
        limit: 100,
    };
    let page = stores.page(&tenant, &query).await;
    let refunds = page.iter().filter(|entry| entry.kind == EntryKind::Refund);
    assert_eq!(refunds.count(), 1, "{page:?}");
}
