//! `TaskStore`: the lists of a tenant's tasks.

use fluxgate_core::id::TaskId;

use super::{Stores, fresh_tenant};

pub async fn tasks_are_listed_newest_first_and_page_by_page(stores: Stores) {
    let tenant = stores.funded(5).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stores.admitted(&tenant).await.id);
    }
    ids.sort();
    ids.reverse();

    let first = stores.tasks.list(&tenant, None, 3).await.unwrap();
    let rest = stores
        .tasks
        .list(&tenant, Some(&first[2].id), 3)
        .await
        .unwrap();

    let listed: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|task| task.id.clone())
        .collect();
    assert_eq!(listed, ids);
    let made = first[0].created_at;
    let since = stores
        .tasks
        .list(&tenant, Some(&TaskId::lowest_at(made.plus_ms(1))), 1)
        .await
        .unwrap();
    assert_eq!(
        since[0].id, ids[0],
        "a moment is a valid bound even if no task has it as its id"
    );
    let older = stores
        .tasks
        .list(&tenant, Some(&TaskId::lowest_at(made)), 10)
        .await
        .unwrap();
    assert!(older.iter().all(|task| task.created_at < made));
}

pub async fn tasks_are_listed_oldest_first_and_page_by_page(stores: Stores) {
    let tenant = stores.funded(5).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stores.admitted(&tenant).await.id);
    }
    ids.sort();

    let first = stores.tasks.list_after(&tenant, None, 3).await.unwrap();
    let rest = stores
        .tasks
        .list_after(&tenant, Some(&first[2].id), 3)
        .await
        .unwrap();

    let listed: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|task| task.id.clone())
        .collect();
    assert_eq!(listed, ids);
    let made = rest[1].created_at;
    let since = stores
        .tasks
        .list_after(&tenant, Some(&TaskId::lowest_at(made)), 10)
        .await
        .unwrap();
    assert!(
        since.iter().all(|task| task.created_at >= made) && since.last() == rest.last(),
        "a moment is a valid bound even if no task has it as its id"
    );
    let none = stores
        .tasks
        .list_after(&tenant, Some(&rest[1].id), 10)
        .await
        .unwrap();
    assert_eq!(none, Vec::new(), "no task comes after the youngest");
    assert_eq!(
        stores
            .tasks
            .list_after(&fresh_tenant(), None, 10)
            .await
            .unwrap(),
        Vec::new()
    );
}
