//! The export of usage when tasks appear or end out of their order.

use std::collections::BTreeSet;

use fluxgate_core::port::Ids as _;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::time::Timestamp;

use super::usage_export::{SETTLE_MS, World};
use super::{Stores, admission, archived, now};

pub async fn a_task_that_completes_after_younger_ones_were_told_is_told(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(9).await;
    let slow = world.stores.archiving(&tenant).await;
    let quick = world.completed(&tenant).await;
    world.clock.pass_ms(SETTLE_MS + 60_000);

    world.export(&tenant).await;
    let cursor = world.cursor(&tenant).await;
    world.stores.signal(&slow, archived()).await;
    world.export(&tenant).await;

    assert_eq!(
        (cursor.through, cursor.open),
        (Some(quick.id.clone()), BTreeSet::from([slow.id.clone()]))
    );
    assert_eq!(world.ids(), [quick.id, slow.id]);
    assert_eq!(world.cursor(&tenant).await.open, BTreeSet::new());
}

pub async fn what_was_made_after_the_clock_was_set_back_is_told(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(9).await;
    let before = world.completed(&tenant).await;
    world.clock.pass_ms(SETTLE_MS + 60_000);
    world.export(&tenant).await;
    assert_eq!(world.cursor(&tenant).await.through, Some(before.id.clone()));

    world.clock.pass_ms(-(SETTLE_MS + 60_000));
    let mut after = admission(&tenant);
    after.task.id = SystemEntropy.task_id(Timestamp(now().0 - 5_000));
    let task = after.task.clone();
    world.stores.tasks.admit(after).await.unwrap();
    let task = world
        .stores
        .signal(&task, super::finished(super::fresh_run()))
        .await;
    let task = world.stores.signal(&task, archived()).await;
    world.export(&tenant).await;

    assert_eq!(
        BTreeSet::from_iter(world.ids()),
        BTreeSet::from([before.id, task.id])
    );
}

pub async fn a_task_that_is_written_after_younger_ones_were_told_is_told(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(9).await;
    let mut late = admission(&tenant);
    late.task.id = SystemEntropy.task_id(Timestamp(now().0 - SETTLE_MS / 2));
    let young = world.completed(&tenant).await;
    world.clock.pass_ms(SETTLE_MS / 4);

    world.export(&tenant).await;
    let late_task = late.task.clone();
    world.stores.tasks.admit(late).await.unwrap();
    let late_task = world
        .stores
        .signal(&late_task, super::finished(super::fresh_run()))
        .await;
    let late_task = world.stores.signal(&late_task, archived()).await;
    world.export(&tenant).await;

    assert_eq!(world.ids(), [young.id, late_task.id]);
}
