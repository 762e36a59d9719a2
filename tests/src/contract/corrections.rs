//! What operators do about money, by `AccountStore`.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{
    Account, Adjustment, Corrected, Direction, EntryKind, LedgerEntry, MicroUsd, Payment,
};
use fluxgate_core::task::{Refund, Signal, Task, transition};
use fluxgate_core::tenant::{AuditAction, AuditEntry};
use fluxgate_core::{Reason, Result};

use super::{PRICE, Stores, archived, budgets, fresh_tenant, now, tenant_store};

fn entry(tenant: &TenantId, action: AuditAction) -> AuditEntry {
    AuditEntry {
        action,
        ..tenant_store::entry(tenant)
    }
}

impl Stores {
    pub(super) async fn adjust(
        &self,
        tenant: &TenantId,
        direction: Direction,
        amount: i64,
        reference: &str,
    ) -> Result<Corrected> {
        let action = match direction {
            Direction::Credit => AuditAction::AccountCredited,
            Direction::Debit => AuditAction::AccountDebited,
        };
        let adjustment = Adjustment {
            direction,
            amount: MicroUsd(amount),
            reference: reference.to_owned(),
            reason: "an outage".to_owned(),
        };
        self.accounts
            .adjust(tenant, &adjustment, &entry(tenant, action))
            .await
    }

    pub(super) async fn void(
        &self,
        tenant: &TenantId,
        reference: &str,
        amount: i64,
    ) -> Result<Corrected> {
        let entry = entry(tenant, AuditAction::TopUpVoided);
        self.accounts
            .void_top_up(tenant, (reference, MicroUsd(amount)), "a typo", &entry)
            .await
    }

    /// Refunds the task as it was read.
    pub(super) async fn refund(&self, task: &Task, amount: i64) -> Result<Account> {
        let entry = entry(&task.tenant, AuditAction::TaskRefunded);
        let refund = Refund::new(MicroUsd(amount), "r", entry.at);
        let change = transition(task, Signal::Refund(refund), entry.at).expect("it applies");
        self.accounts.refund(&change, "a bad picture", &entry).await
    }

    /// A task that was charged.
    pub(super) async fn charged(&self, tenant: &TenantId) -> Task {
        let task = self.archiving(tenant).await;
        let task = self.signal(&task, archived()).await;
        self.tasks.get(tenant, &task.id).await.unwrap()
    }

    async fn account(&self, tenant: &TenantId) -> Account {
        self.accounts.account(tenant).await.unwrap()
    }

    /// The entries of one kind.
    pub(super) async fn entries(&self, tenant: &TenantId, kind: EntryKind) -> Vec<LedgerEntry> {
        let ledger = self.accounts.ledger(tenant).await.unwrap();
        ledger
            .into_iter()
            .filter(|entry| entry.kind == kind)
            .collect()
    }
}

pub async fn a_credit_or_debit_with_the_same_reference_counts_once(stores: Stores) {
    let tenant = fresh_tenant();

    for (direction, left) in [(Direction::Credit, 5), (Direction::Debit, 0)] {
        let first = stores.adjust(&tenant, direction, 5, "note 1").await;
        let again = stores.adjust(&tenant, direction, 5, "note 1").await;
        let other = stores.adjust(&tenant, direction, 6, "note 1").await;

        let (first, again) = (first.unwrap(), again.unwrap());
        assert_eq!((first.is_new, again.is_new), (true, false));
        assert_eq!(first.account.available, MicroUsd(left));
        assert_eq!(again.account, first.account);
        assert_eq!(other.unwrap_err().code, "reference_used");
        let entries = stores.entries(&tenant, direction.kind()).await;
        assert_eq!(entries.len(), 1);
        let told = stores.logged(&tenant).await;
        assert_eq!(entries[0].at, told[0].at);
        assert_eq!(entries[0].reason.as_deref(), Some("an outage"));
        let found = stores
            .accounts
            .operator_entry(&tenant, direction.kind(), "note 1");
        assert_eq!(found.await.unwrap().unwrap().amount, MicroUsd(5));
    }

    let told: Vec<AuditAction> = stores
        .logged(&tenant)
        .await
        .iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(
        told,
        [AuditAction::AccountDebited, AuditAction::AccountCredited]
    );
}

pub async fn a_debit_over_what_is_available_is_refused_and_writes_nothing(stores: Stores) {
    let tenant = stores.funded(2).await;
    stores.admitted(&tenant).await;
    let before = (stores.account(&tenant).await, stores.logged(&tenant).await);

    let over = stores
        .adjust(&tenant, Direction::Debit, PRICE.0 + 1, "a")
        .await;
    let nobody = stores
        .adjust(&fresh_tenant(), Direction::Debit, 1, "a")
        .await;

    let (over, nobody) = (over.unwrap_err(), nobody.unwrap_err());
    assert_eq!(
        (over.code, nobody.code),
        ("balance_too_low", "balance_too_low")
    );
    assert!(over.message.contains("$0.08"), "{over}");
    let after = (stores.account(&tenant).await, stores.logged(&tenant).await);
    assert_eq!(after, before);
    assert_eq!(
        stores.entries(&tenant, EntryKind::AdjustmentDebit).await,
        []
    );
    // The reference stays free, and what is available can be taken.
    let whole = stores.adjust(&tenant, Direction::Debit, PRICE.0, "a").await;
    assert_eq!(whole.unwrap().account.available, MicroUsd::ZERO);
}

pub async fn of_many_debits_at_once_only_those_that_are_covered_succeed(stores: Stores) {
    let tenant = stores.funded(5).await;
    let attempts = (0..12).map(|n| {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        let reference = format!("r{n}");
        tokio::spawn(async move {
            stores
                .adjust(&tenant, Direction::Debit, PRICE.0, &reference)
                .await
                .is_ok()
        })
    });
    let mut succeeded = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        succeeded += usize::from(attempt.await.unwrap());
    }

    assert_eq!(succeeded, 5);
    assert_eq!(stores.account(&tenant).await, Account::default());
    let debits = stores.entries(&tenant, EntryKind::AdjustmentDebit).await;
    assert_eq!(debits.len(), 5);
}

pub async fn a_top_up_is_voided_once_and_its_reference_is_used_up(stores: Stores) {
    let tenant = fresh_tenant();
    stores.top_up(&tenant, PRICE, "typo").await.unwrap();
    stores.top_up(&tenant, PRICE, "right").await.unwrap();
    stores.admitted(&tenant).await;

    let first = stores.void(&tenant, "typo", PRICE.0).await.unwrap();
    let again = stores.void(&tenant, "typo", PRICE.0).await.unwrap();
    let held = stores.void(&tenant, "right", PRICE.0).await.unwrap_err();
    let none = stores.void(&tenant, "none", PRICE.0).await.unwrap_err();
    let used = stores.top_up(&tenant, PRICE, "typo").await.unwrap_err();
    let other = stores.top_up(&tenant, MicroUsd(1), "typo").await;

    assert_eq!((first.is_new, again.is_new), (true, false));
    assert_eq!(first.account.available, MicroUsd::ZERO);
    assert_eq!((held.code, none.code), ("balance_too_low", "not_found"));
    assert_eq!(used.code, "top_up_voided");
    assert_eq!(other.unwrap_err().code, "top_up_voided");
    assert_eq!(stores.account(&tenant).await, first.account);
    let voids = stores.entries(&tenant, EntryKind::Void).await;
    assert_eq!(voids.len(), 1);
    assert_eq!(
        (voids[0].reference.as_str(), voids[0].amount),
        ("typo", PRICE)
    );
    assert_eq!(voids[0].reason.as_deref(), Some("a typo"));
    assert_eq!(stores.entries(&tenant, EntryKind::TopUp).await.len(), 2);
    let actions = stores.logged(&tenant).await;
    assert_eq!(actions.len(), 3, "what changed nothing is not logged");
}

pub async fn a_refund_is_written_once_with_its_task_and_goes_back_to_the_balance(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.charged(&tenant).await;

    let account = stores.refund(&task, 30_000).await.unwrap();
    let again = stores.refund(&task, 30_000).await.unwrap_err();

    assert!(again.is(Reason::VersionMoved), "{again}");
    assert_eq!(
        (account.available, account.captured),
        (MicroUsd(30_000), MicroUsd(50_000))
    );
    let refunded = stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(refunded.version, task.version + 1);
    assert_eq!(
        (refunded.refunded(), refunded.charged),
        (MicroUsd(30_000), PRICE)
    );
    assert_eq!((refunded.state, refunded.since), (task.state, task.since));
    let refunds = stores.entries(&tenant, EntryKind::Refund).await;
    assert_eq!(refunds.len(), 1);
    assert_eq!(
        (refunds[0].reference.as_str(), refunds[0].amount),
        (task.id.as_str(), MicroUsd(30_000))
    );
    let told = stores.logged(&tenant).await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (told[0].action, told[0].at),
        (AuditAction::TaskRefunded, refunds[0].at)
    );
    let timeline = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
    assert_eq!(timeline.last().unwrap().name, "refunded");
    budgets::account(&stores, &tenant).await;
}

pub async fn a_refund_of_what_was_lent_lowers_the_credit_and_gives_back_to_the_month(
    stores: Stores,
) {
    let tenant = fresh_tenant();
    let budget = budgets::budget(2, Payment::Postpaid);
    budgets::set(&stores, &tenant, Some(budget), now())
        .await
        .unwrap();
    let task = stores.charged(&tenant).await;

    let account = stores.refund(&task, PRICE.0).await.unwrap();

    assert_eq!(
        (account.available, account.captured, account.credit),
        (MicroUsd::ZERO, MicroUsd::ZERO, MicroUsd::ZERO)
    );
    let month = account.budget_at(now()).unwrap();
    assert_eq!(
        (month.spent, month.left()),
        (MicroUsd::ZERO, MicroUsd(PRICE.0 * 2))
    );
    budgets::account(&stores, &tenant).await;
}

pub async fn a_deleted_task_can_be_refunded_and_stays_deleted(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.charged(&tenant).await;
    stores.signal(&task, Signal::Delete).await;
    let deleted = stores.tasks.get(&tenant, &task.id).await.unwrap();

    let account = stores.refund(&deleted, PRICE.0).await.unwrap();

    assert_eq!(account.available, PRICE);
    let refunded = stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(refunded.deleted, deleted.deleted);
    assert_eq!(refunded.refunded(), PRICE);
    budgets::account(&stores, &tenant).await;
}

/// The count reads tasks while they change: a refund is counted once, whenever it comes.
pub async fn a_budget_that_is_set_after_a_refund_counts_what_was_not_refunded(stores: Stores) {
    let tenant = stores.funded(2).await;
    let task = stores.charged(&tenant).await;
    stores.charged(&tenant).await;
    stores.refund(&task, 30_000).await.unwrap();

    let budget = budgets::budget(10, Payment::Postpaid);
    budgets::set(&stores, &tenant, Some(budget), now())
        .await
        .unwrap();

    let month = stores.account(&tenant).await.budget_at(now()).unwrap();
    assert_eq!(month.spent, MicroUsd(2 * PRICE.0 - 30_000));
    budgets::account(&stores, &tenant).await;
}

pub async fn a_refund_of_a_task_that_changed_meanwhile_writes_nothing(stores: Stores) {
    let tenant = stores.funded(2).await;
    let task = stores.charged(&tenant).await;
    stores.signal(&task, Signal::Delete).await;
    let before = (
        stores.account(&tenant).await,
        stores.accounts.ledger(&tenant).await.unwrap(),
        stores.logged(&tenant).await,
        stores.tasks.get(&tenant, &task.id).await.unwrap(),
    );

    let refused = stores.refund(&task, 2).await.unwrap_err();

    assert!(refused.is(Reason::VersionMoved), "{refused}");
    let after = (
        stores.account(&tenant).await,
        stores.accounts.ledger(&tenant).await.unwrap(),
        stores.logged(&tenant).await,
        stores.tasks.get(&tenant, &task.id).await.unwrap(),
    );
    assert_eq!(after, before);
}
