//! `UsageCursors`.

use std::collections::BTreeSet;

use fluxgate_core::Kind;
use fluxgate_core::id::TaskId;
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::port::BegunExport;

use super::{Stores, fresh_task_id, fresh_tenant};

const PLACE: &str = "s3://bucket/usage";

pub async fn a_cursor_that_was_never_saved_is_at_the_beginning(stores: Stores) {
    let cursor = stores.cursors.cursor(PLACE, &fresh_tenant()).await.unwrap();

    assert_eq!(cursor, UsageCursor::default());
}

pub async fn a_cursor_is_saved_over_the_version_it_was_made_from(stores: Stores) {
    let tenant = fresh_tenant();
    let ids = |count| {
        (0..count)
            .map(|_| fresh_task_id())
            .collect::<BTreeSet<TaskId>>()
    };
    let first = UsageCursor {
        version: 1,
        ..UsageCursor::default()
    };
    // As large as they become.
    let second = UsageCursor {
        version: 2,
        through: Some(fresh_task_id()),
        open: ids(2_000),
        told: ids(2_000),
    };

    stores
        .cursors
        .save_cursor(PLACE, &tenant, &first)
        .await
        .unwrap();
    stores
        .cursors
        .save_cursor(PLACE, &tenant, &second)
        .await
        .unwrap();
    let mut refused = Vec::new();
    for version in [1, 2, 4] {
        let other = UsageCursor {
            version,
            ..UsageCursor::default()
        };
        let error = stores
            .cursors
            .save_cursor(PLACE, &tenant, &other)
            .await
            .unwrap_err();
        refused.push((error.kind, error.code));
    }

    assert_eq!(refused, [(Kind::Conflict, "version_conflict"); 3]);
    assert_eq!(stores.cursors.cursor(PLACE, &tenant).await.unwrap(), second);
}

pub async fn of_many_saves_of_one_version_one_is_written(stores: Stores) {
    let tenant = fresh_tenant();
    for version in [1, 2] {
        let mut saves = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (stores, tenant) = (stores.clone(), tenant.clone());
            let cursor = UsageCursor {
                version,
                through: Some(fresh_task_id()),
                ..UsageCursor::default()
            };
            saves.spawn(async move {
                stores
                    .cursors
                    .save_cursor(PLACE, &tenant, &cursor)
                    .await
                    .map(|()| cursor)
            });
        }

        let saved: Vec<UsageCursor> = saves
            .join_all()
            .await
            .into_iter()
            .filter_map(Result::ok)
            .collect();

        assert_eq!(
            saved,
            [stores.cursors.cursor(PLACE, &tenant).await.unwrap()]
        );
    }
}

pub async fn cursors_of_other_places_and_tenants_are_apart(stores: Stores) {
    let (tenant, other) = (fresh_tenant(), fresh_tenant());
    let cursor = UsageCursor {
        version: 1,
        through: Some(fresh_task_id()),
        ..UsageCursor::default()
    };

    stores
        .cursors
        .save_cursor(PLACE, &tenant, &cursor)
        .await
        .unwrap();

    for (place, tenant) in [(PLACE, &other), ("s3://bucket/usage2", &tenant)] {
        assert_eq!(
            stores.cursors.cursor(place, tenant).await.unwrap(),
            UsageCursor::default()
        );
    }
}

pub async fn the_cursors_of_a_tenant_are_those_of_every_place(stores: Stores) {
    let (tenant, other) = (fresh_tenant(), fresh_tenant());
    let cursor = || UsageCursor {
        version: 1,
        through: Some(fresh_task_id()),
        ..UsageCursor::default()
    };
    let mut saved = [(PLACE, cursor()), ("s3://bucket/usage2", cursor())];
    saved.sort_by(|(_, one), (_, other)| one.through.cmp(&other.through));

    for (place, cursor) in &saved {
        let save = stores.cursors.save_cursor(place, &tenant, cursor);
        save.await.unwrap();
    }

    let mut all = stores.cursors.cursors(&tenant).await.unwrap();
    all.sort_by(|one, other| one.cursor.through.cmp(&other.cursor.through));
    let saved = saved.map(|(place, cursor)| BegunExport {
        place: place.to_owned(),
        cursor,
    });
    assert_eq!(all, saved);
    assert_eq!(stores.cursors.cursors(&other).await.unwrap(), []);
}
