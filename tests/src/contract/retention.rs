//! `RetentionStore`, and the role that removes old tasks over the stores.

use fluxgate_core::Kind;
use fluxgate_core::app::{AskedDays, Metering, UsageQuery, check_books};
use fluxgate_core::id::{RunId, TaskId, TenantId};
use fluxgate_core::metering::day_sums::Sums;
use fluxgate_core::metering::usage::Window;
use fluxgate_core::money::{Account, LedgerEntry, LedgerQuery, MicroUsd, Payment};
use fluxgate_core::port::RetentionStore;
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::DeliveryState;

use super::day_sums::money_is_the_ledger_s;
use super::delivery_lists::{fresh_endpoint, second};
use super::{PRICE, Stores, archived, budgets, finished, fresh_run, fresh_tenant, now};
use crate::Roles;

/// What is left of a tenant's money, however old.
#[derive(Debug, PartialEq)]
struct Books {
    account: Account,
    ledger: Vec<LedgerEntry>,
    pages: Vec<LedgerEntry>,
    sums: Sums,
}

impl Stores {
    fn retention(&self) -> &dyn RetentionStore {
        self.store.retention()
    }

    /// Found to be right.
    async fn right_books(&self, tenant: &TenantId) -> Books {
        let findings = check_books(&*self.accounts, tenant).await;
        assert_eq!(findings.unwrap(), []);
        Books {
            sums: money_is_the_ledger_s(self, tenant).await,
            account: self.accounts.account(tenant).await.unwrap(),
            ledger: self.accounts.ledger(tenant).await.unwrap(),
            pages: self.pages_of_two(tenant).await,
        }
    }

    async fn pages_of_two(&self, tenant: &TenantId) -> Vec<LedgerEntry> {
        let until = now().plus_ms(60_000);
        let from = Timestamp(until.0 - 86_400_000);
        let mut query = LedgerQuery {
            from,
            until,
            made_from: from,
            after: None,
            limit: 2,
        };
        let mut read = Vec::new();
        loop {
            let page = self.accounts.ledger_page(tenant, &query).await.unwrap();
            let Some(last) = page.last() else { return read };
            query.after = Some(last.position());
            read.extend(page);
        }
    }

    /// A task that was charged for this run, as it is stored.
    async fn charged_for(&self, tenant: &TenantId, run: &RunId) -> Task {
        let task = self.admitted(tenant).await;
        let task = self.signal(&task, finished(run.clone())).await;
        let task = self.signal(&task, archived()).await;
        self.tasks.get(tenant, &task.id).await.unwrap()
    }

    pub(super) async fn left(&self, tenant: &TenantId) -> Vec<TaskId> {
        let tasks = self.tasks.list_after(tenant, None, 100).await.unwrap();
        tasks.into_iter().map(|task| task.id).collect()
    }
}

pub async fn a_removed_task_is_unknown_and_its_tenant_s_books_are_as_they_were(stores: Stores) {
    let (tenant, run) = (stores.funded(9).await, fresh_run());
    let charged = stores.charged_for(&tenant, &run).await;
    let refunded = stores.charged_for(&tenant, &fresh_run()).await;
    stores.refund(&refunded, 10_000).await.unwrap();
    let refunded = stores.tasks.get(&tenant, &refunded.id).await.unwrap();
    let failed = stores.admitted(&tenant).await;
    budgets::failed(&stores, &failed).await;
    let failed = stores.tasks.get(&tenant, &failed.id).await.unwrap();
    let young = stores.charged_for(&tenant, &fresh_run()).await;
    let live = stores.admitted(&tenant).await;
    let before = stores.right_books(&tenant).await;
    assert_eq!(stores.tasks.removed_to(&tenant).await.unwrap(), None);

    let old = [charged.clone(), refunded, failed.clone()];
    let removed = stores.retention().remove_tasks(&tenant, &old).await;

    assert_eq!(removed.unwrap().count, 3);
    assert_eq!(stores.right_books(&tenant).await, before);
    assert_eq!(stores.left(&tenant).await, [young.id, live.id]);
    let removed_to = stores.tasks.removed_to(&tenant).await.unwrap();
    assert_eq!(removed_to, Some(failed.id));
    let gone = stores.tasks.get(&tenant, &charged.id).await.unwrap_err();
    let never = stores.tasks.get(&tenant, &super::fresh_task_id()).await;
    assert_eq!(gone.to_string(), never.unwrap_err().to_string());
    let inputs = stores.tasks.inputs(&tenant, &charged.id).await;
    assert_eq!(inputs.unwrap_err().kind, Kind::NotFound);
    let timeline = stores.tasks.timeline(&tenant, &charged.id).await;
    assert_eq!(timeline.unwrap(), []);
    let refund = stores.refund(&charged, 10_000).await;
    assert!(refund.is_err(), "a refund of what is gone: {refund:?}");
    assert_eq!(stores.right_books(&tenant).await, before);
}

pub async fn what_removed_tasks_were_lent_stays_in_the_books(stores: Stores) {
    let tenant = fresh_tenant();
    let budget = budgets::budget(9, Payment::Postpaid);
    budgets::set(&stores, &tenant, Some(budget), now())
        .await
        .unwrap();
    let lent = stores.charged_for(&tenant, &fresh_run()).await;
    let repaid = stores.charged_for(&tenant, &fresh_run()).await;
    stores.refund(&repaid, 30_000).await.unwrap();
    let repaid = stores.tasks.get(&tenant, &repaid.id).await.unwrap();
    // The month counts its tasks, which are never removed while it lasts.
    budgets::set(&stores, &tenant, None, now()).await.unwrap();
    let before = stores.right_books(&tenant).await;

    for task in [lent, repaid] {
        let removed = stores.retention().remove_tasks(&tenant, &[task]).await;
        assert_eq!(removed.unwrap().count, 1);
        assert_eq!(stores.right_books(&tenant).await, before);
    }

    assert_eq!(stores.left(&tenant).await, []);
}

pub async fn tasks_one_of_which_has_changed_meanwhile_are_all_left(stores: Stores) {
    let tenant = stores.funded(9).await;
    let one = stores.charged_for(&tenant, &fresh_run()).await;
    let other = stores.charged_for(&tenant, &fresh_run()).await;
    stores.refund(&other, 10_000).await.unwrap();

    let tasks = [one.clone(), other.clone()];
    let refused = stores.retention().remove_tasks(&tenant, &tasks).await;

    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (Kind::Conflict, "version_conflict")
    );
    assert_eq!(stores.left(&tenant).await, [one.id, other.id]);
    assert_eq!(stores.tasks.removed_to(&tenant).await.unwrap(), None);
}

pub async fn a_task_with_a_delivery_that_is_kept_stays(stores: Stores) {
    let tenant = stores.funded(9).await;
    let old = stores.charged_for(&tenant, &fresh_run()).await;
    let places = [(fresh_endpoint(), DeliveryState::Pending, second(0))];
    let (told, deliveries) = stores.ended_with(&tenant, places).await;
    let told = stores.tasks.get(&tenant, &told.id).await.unwrap();

    let tasks = [old, told.clone()];
    let removed = stores.retention().remove_tasks(&tenant, &tasks).await;

    assert_eq!(removed.unwrap().count, 1);
    assert_eq!(stores.left(&tenant).await, std::slice::from_ref(&told.id));
    let delivery = stores.deliveries.get(&tenant, &deliveries[0].id).await;
    assert!(delivery.is_ok(), "{delivery:?}");
    stores.right_books(&tenant).await;
}

/// A page goes on behind the tasks that are gone, wherever the page before ended.
pub async fn tasks_are_removed_page_by_page(stores: Stores) {
    let tenant = stores.funded(9).await;
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(stores.charged_for(&tenant, &fresh_run()).await);
    }
    let before = stores.right_books(&tenant).await;

    for page in tasks.chunks(2) {
        let removed = stores.retention().remove_tasks(&tenant, page).await;
        assert_eq!(removed.unwrap().count, page.len());
        assert_eq!(stores.right_books(&tenant).await, before);
    }

    assert_eq!(stores.left(&tenant).await, []);
}

pub async fn another_tenant_s_tasks_stay(stores: Stores) {
    let (tenant, other) = (stores.funded(9).await, stores.funded(9).await);
    let mine = stores.charged_for(&tenant, &fresh_run()).await;
    let theirs = stores.charged_for(&other, &fresh_run()).await;

    stores
        .retention()
        .remove_tasks(&tenant, &[mine])
        .await
        .unwrap();

    assert_eq!(stores.left(&other).await, [theirs.id]);
    assert_eq!(stores.tasks.removed_to(&other).await.unwrap(), None);
    stores.right_books(&other).await;
}

/// What is read from tasks alone is refused rather than told in part.
pub async fn usage_of_days_stays_and_that_of_parts_of_days_is_refused_where_tasks_are_gone(
    stores: Stores,
) {
    let tenant = stores.funded(9).await;
    let task = stores.charged_for(&tenant, &fresh_run()).await;
    let context = Roles::over(&stores).context;
    let life_ms = context.bounds.task_life_ms();
    let metering = Metering::new(context);
    let window = |from: Timestamp| Window {
        from,
        until: from.plus_ms(60_000),
    };
    let usage = async |window| {
        let query = UsageQuery {
            tenant: &tenant,
            window,
            model: None,
        };
        metering
            .usage(&query)
            .await
            .map(|usage| usage.total().charged)
    };
    let then = window(Timestamp(task.since.0 - 5));
    let before = usage(then).await.unwrap();
    let days = AskedDays::default();
    let of_days = metering.usage_of_days(&tenant, &days).await.unwrap();

    let tasks = std::slice::from_ref(&task);
    let removed = stores.retention().remove_tasks(&tenant, tasks).await;

    assert_eq!((removed.unwrap().count, before), (1, PRICE));
    let refused = usage(then).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (Kind::Unprocessable, "tasks_removed")
    );
    let later = usage(window(task.since.plus_ms(life_ms + 60_000))).await;
    assert_eq!(later.unwrap(), MicroUsd::ZERO);
    let still = metering.usage_of_days(&tenant, &days).await.unwrap();
    assert_eq!(still.report.total(), of_days.report.total());
}

pub async fn how_far_everybody_s_tasks_were_removed_only_goes_forward(stores: Stores) {
    let retention = stores.retention();
    let never = retention.removed_before().await.unwrap();

    for moment in [7, 9, 8] {
        let saved = retention.save_removed_before(Timestamp(moment)).await;
        saved.unwrap();
    }

    assert!(never < Timestamp(0));
    assert_eq!(retention.removed_before().await.unwrap(), Timestamp(9));
}
