//! The pass that removes old tasks, over the stores.

use std::sync::Arc;

use fluxgate_core::app::{Context, Exports, Retention};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::money::Month;
use fluxgate_core::port::Clock as _;
use fluxgate_core::seal::{DataKey, DataKeys};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{DeliveryState, Next, Target};

use super::delivery_lists::{fresh_endpoint, second};
use super::delivery_store::attempted;
use super::tenant_store::{deletion, entry};
use super::{Stores, admission_at, archived, budgets, finished, fresh_run};
use crate::Roles;
use crate::held_clock::HeldClock;

const DAY_MS: i64 = 86_400_000;
const PLACE: &str = "s3://bucket/usage";

/// A retention whose clock the test holds: the stores' own clocks go on as they are.
struct World {
    stores: Stores,
    clock: HeldClock,
    retention: Retention,
}

fn context(stores: &Stores, clock: &HeldClock) -> Context {
    Context {
        clock: Arc::new(clock.clone()),
        ..Roles::over(stores).context
    }
}

impl World {
    fn over(stores: Stores) -> Self {
        Self::with_exports(stores, Exports::Begun)
    }

    fn with_exports(stores: Stores, exports: Exports) -> Self {
        let clock = HeldClock::now();
        let context = context(&stores, &clock);
        let retention = Retention::new(context, stores.cursors.clone(), exports);
        Self {
            stores,
            clock,
            retention,
        }
    }

    fn context(&self) -> Context {
        context(&self.stores, &self.clock)
    }

    async fn tenant(&self) -> TenantId {
        let tenant = self.stores.tenant().await;
        let amount = fluxgate_core::money::MicroUsd(super::PRICE.0 * 9);
        self.stores.top_up(&tenant, amount, "first").await.unwrap();
        tenant
    }

    async fn charged(&self, tenant: &TenantId) -> Task {
        let task = self.stores.archiving(tenant).await;
        self.stores.signal(&task, archived()).await
    }

    /// The day on which a task of now is old.
    fn pass_until_old(&self) {
        let kept_ms = i64::try_from(Bounds::default().tasks_kept_ms).unwrap();
        self.clock.pass_ms(kept_ms + DAY_MS);
    }

    /// The next day's pass, two tasks at a time.
    async fn next_day(&self) -> usize {
        self.clock.pass_ms(DAY_MS);
        self.pass().await
    }

    async fn pass(&self) -> usize {
        let for_ever = Timestamp(i64::MAX);
        let done = self.retention.remove_until(for_ever, 2).await.unwrap();
        assert_eq!(done.failed, 0);
        done.removed
    }

    async fn exported(&self, tenant: &TenantId, version: u64, through: &Task) {
        let cursor = UsageCursor {
            version,
            through: Some(through.id.clone()),
            ..UsageCursor::default()
        };
        let saved = self.stores.cursors.save_cursor(PLACE, tenant, &cursor);
        saved.await.unwrap();
    }
}

pub async fn every_tenant_s_old_tasks_are_removed_once_a_day(stores: Stores) {
    let world = World::over(stores);
    let (one, other) = (world.tenant().await, world.tenant().await);
    for _ in 0..3 {
        world.charged(&one).await;
        world.charged(&other).await;
    }
    let tenants = &world.stores.tenants;
    tenants.delete(&other, 1, &deletion(&other)).await.unwrap();

    let young = world.pass().await;
    world.pass_until_old();
    let removed = world.pass().await;
    let again = world.retention.due().await.unwrap();
    let tomorrow = world.next_day().await;

    assert_eq!((young, removed, tomorrow), (0, 6, 0));
    assert!(again.is_none(), "one pass a day: {again:?}");
    assert_eq!(world.stores.left(&one).await, []);
    assert_eq!(world.stores.left(&other).await, []);
}

pub async fn a_pass_without_time_goes_on_where_it_stopped(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    for _ in 0..3 {
        world.charged(&tenant).await;
    }
    world.pass_until_old();

    let late = world.clock.now();
    let none = world.retention.remove_until(late, 2).await.unwrap();
    let mut pass = world.retention.due().await.unwrap().unwrap();
    assert!(world.retention.go_on(&mut pass, 2).await.unwrap());
    let rest = world.pass().await;

    assert_eq!((none.removed, pass.done.removed, rest), (0, 2, 1));
    assert_eq!(world.stores.left(&tenant).await, []);
}

pub async fn what_has_not_ended_is_not_removed_and_neither_is_what_was_not_announced(
    stores: Stores,
) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    world.charged(&tenant).await;
    let live = world.stores.admitted(&tenant).await;
    world.pass_until_old();

    let before = world.pass().await;
    let left = world.stores.left(&tenant).await;
    budgets::completed(&world.stores, &live).await;
    let after = world.next_day().await;

    assert_eq!((before, after), (1, 1));
    assert_eq!(left, [live.id]);
}

pub async fn what_an_export_has_not_told_is_not_removed(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    let first = world.charged(&tenant).await;
    let second = world.charged(&tenant).await;
    world.exported(&tenant, 1, &first).await;
    world.pass_until_old();

    let mut pass = world.retention.due().await.unwrap().unwrap();
    while world.retention.go_on(&mut pass, 2).await.unwrap() {}
    let left = world.stores.left(&tenant).await;
    let due = world.retention.due().await.unwrap();
    world.exported(&tenant, 2, &second).await;
    let mut again = world.retention.pass_over(pass.unexported.clone());
    while world.retention.go_on(&mut again, 2).await.unwrap() {}

    assert_eq!(pass.unexported, [tenant], "it is looked at again");
    assert!(due.is_none(), "one pass a day over all: {due:?}");
    assert_eq!((pass.done.removed, again.done.removed), (1, 1));
    assert_eq!(left, [second.id]);
    assert_eq!(again.unexported, []);
}

pub async fn where_one_export_is_made_it_alone_is_waited_for(stores: Stores) {
    let place = Exports::To("s3://bucket/another".to_owned());
    let world = World::with_exports(stores.clone(), place);
    let tenant = world.tenant().await;
    let task = world.charged(&tenant).await;
    world.exported(&tenant, 1, &task).await;
    world.pass_until_old();

    let not_begun = world.pass().await;
    let here = Exports::To(PLACE.to_owned());
    let retention = Retention::new(world.context(), stores.cursors.clone(), here);
    world.clock.pass_ms(DAY_MS);
    let told = retention.remove_until(Timestamp(i64::MAX), 2).await;

    assert_eq!((not_begun, told.unwrap().removed), (0, 1));
}

pub async fn an_export_that_is_forgotten_keeps_no_task(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    let first = world.charged(&tenant).await;
    world.charged(&tenant).await;
    world.exported(&tenant, 1, &first).await;
    world.pass_until_old();

    let before = world.pass().await;
    let cursors = &world.stores.cursors;
    cursors.forget_cursor(PLACE, &tenant).await.unwrap();
    cursors.forget_cursor(PLACE, &tenant).await.unwrap();
    let after = world.next_day().await;

    assert_eq!((before, after), (1, 1));
    assert_eq!(cursors.cursors(&tenant).await.unwrap(), []);
}

/// Behind a task that stays for its delivery others are removed at once, or with it.
pub async fn a_task_that_stays_for_its_delivery_does_not_lose_those_after_it(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    world.charged(&tenant).await;
    let places = [(fresh_endpoint(), DeliveryState::Pending, second(0))];
    let (told, _) = world.stores.ended_with(&tenant, places).await;
    for _ in 0..3 {
        world.charged(&tenant).await;
    }
    let ledger = world.stores.accounts.ledger(&tenant).await.unwrap();
    world.pass_until_old();

    let removed = world.pass().await;

    let left = world.stores.left(&tenant).await;
    assert_eq!((left.len(), &left[0]), (5 - removed, &told.id));
    let now = world.stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(now, ledger);
}

/// A day in the month before this one, or earlier.
const MONTHS_AGO_MS: u64 = 100 * 86_400_000;

impl World {
    /// Adds a key of the month that this moment lies in.
    async fn key_of(&self, tenant: &TenantId, moment: Timestamp) -> Month {
        let month = Month::of_day(Day::of(moment));
        let key = DataKey::new([7; DataKey::RANDOM_BYTES], moment);
        let (keys, none) = (self.stores.store.data_keys(), DataKeys::default());
        keys.add_input_key(tenant, month, &none, key).await.unwrap();
        month
    }

    async fn key_months(&self, tenant: &TenantId) -> Vec<Month> {
        let keys = self.stores.store.data_keys();
        keys.input_key_months(tenant).await.unwrap()
    }
}

pub async fn the_keys_of_a_month_go_when_all_that_they_sealed_is_old(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    let ago = world.clock.now().minus_ms(MONTHS_AGO_MS);
    let (old, young) = (
        world.key_of(&tenant, ago).await,
        world.key_of(&tenant, world.clock.now()).await,
    );
    assert_eq!(world.key_months(&tenant).await, [old, young]);

    world.pass().await;

    assert_eq!(world.key_months(&tenant).await, [young]);
}

/// Only a store with an index of open tasks finds one that is older than any may be.
pub async fn the_keys_of_a_month_stay_while_one_of_its_tasks_is_open(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.tenant().await;
    let ago = world.clock.now().minus_ms(MONTHS_AGO_MS);
    let month = world.key_of(&tenant, ago).await;
    let task = world
        .stores
        .admit(admission_at(&tenant, ago))
        .await
        .unwrap();

    world.pass().await;
    let while_open = world.key_months(&tenant).await;
    let task = world.stores.signal(&task, finished(fresh_run())).await;
    world.stores.signal(&task, archived()).await;
    world.next_day().await;

    assert_eq!(while_open, [month]);
    assert_eq!(world.key_months(&tenant).await, []);
}

/// The delivery stays as it is, to be replayed.
pub async fn what_receivers_answered_is_forgotten_after_the_tenant_s_own_days(stores: Stores) {
    let world = World::over(stores);
    let (stores, id) = (&world.stores, world.tenant().await);
    let at = world.clock.now();
    let place = (Target::TaskCallback, DeliveryState::Pending, at);
    let (_, made) = stores.ended_with(&id, [place]).await;
    let mut tried = attempted(&made[0], 500, Next::Exhausted);
    tried.attempts[0].body = Some("Jane Roe is unknown here".to_owned());
    stores.deliveries.update(&tried, None).await.unwrap();
    let stored = async || stores.deliveries.get(&id, &tried.id).await.unwrap().0;

    let forgotten = async |days: i64, own: Option<u32>| {
        let mut tenant = stores.tenants.get(&id).await.unwrap();
        tenant.version += 1;
        tenant.retention.deliveries_days = own;
        let changed = stores.tenants.update(&tenant, &entry(&id)).await;
        changed.unwrap();
        world.clock.pass_ms(days * DAY_MS);
        let mut pass = world.retention.pass_over(vec![id.clone()]);
        for _ in 0..2 {
            world.retention.go_on(&mut pass, 10).await.unwrap();
        }
        assert_eq!(pass.done.failed, 0);
        pass.done.answers
    };

    assert_eq!(forgotten(3, None).await, 0);
    assert_eq!(forgotten(0, Some(7)).await, 0);
    assert_eq!(stored().await, tried);
    assert_eq!(forgotten(5, Some(7)).await, 1);
    assert_eq!(forgotten(1, Some(7)).await, 0);
    let left = stored().await;
    assert_eq!(left.attempts[0].body, None);
    assert_eq!((left.state, left.attempts.len()), (tried.state, 1));
}
