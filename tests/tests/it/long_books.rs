//! Books and bills of more tasks than are read at once, on SQLite.

use std::sync::Arc;

use fluxgate_core::app::{ChargesPage, ChargesQuery, Context, Metering, check_books};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::metering::usage::Window;
use fluxgate_core::money::EntryKind;
use fluxgate_core::task::{Failure, Signal};
use fluxgate_core::time::Timestamp;
use fluxgate_tests::Roles;
use fluxgate_tests::contract::Stores;
use futures::future::join_all;

/// More than two parts of the books, and than the bound of tasks that one request looks at.
const TASKS: usize = 2_100;
const LOOKED_AT_MAX: usize = 200;

struct Filled {
    _folder: tempfile::TempDir,
    stores: Stores,
    tenant: TenantId,
    /// Newest first.
    ids: Vec<TaskId>,
}

/// So many tasks that run.
async fn filled(tasks: usize) -> Filled {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::on_sqlite(folder.path());
    let tenant = stores.funded(i64::try_from(tasks).unwrap() + 10).await;
    let admitted = join_all((0..tasks).map(|_| stores.admitted(&tenant))).await;
    let mut ids: Vec<TaskId> = admitted.into_iter().map(|task| task.id).collect();
    ids.sort_by(|one, other| other.cmp(one));
    Filled {
        _folder: folder,
        stores,
        tenant,
        ids,
    }
}

#[tokio::test]
async fn the_books_are_read_in_small_parts_as_of_one_moment() {
    let filled = filled(TASKS).await;
    let (stores, tenant) = (&filled.stores, &filled.tenant);
    let mut books = stores.accounts.books(tenant).await.unwrap();
    let before = books.standing().await.unwrap();
    stores.admitted(tenant).await;

    let (mut ids, mut holds, mut parts) = (Vec::new(), 0, 0);
    while let Some(part) = books.next().await.unwrap() {
        stores.admitted(tenant).await;
        assert!(part.tasks.len() <= 1_000 && part.entries.len() <= 4_000);
        holds += part
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Hold)
            .count();
        ids.extend(part.tasks.into_iter().map(|task| task.id));
        parts += 1;
    }

    assert_eq!(books.standing().await.unwrap(), before, "as of one moment");
    ids.reverse();
    assert_eq!((ids, holds, parts), (filled.ids, TASKS, 3));
    assert_eq!(check_books(&*stores.accounts, tenant).await.unwrap(), []);
}

#[tokio::test]
async fn a_bill_of_any_length_is_read_page_by_page() {
    let filled = filled(TASKS).await;
    let (stores, tenant) = (&filled.stores, &filled.tenant);
    let mut charged = filled.ids.clone();
    for id in charged.drain(..3).collect::<Vec<_>>() {
        let task = stores.tasks.get(tenant, &id).await.unwrap();
        let refused = Signal::SubmitRefused(Failure::new(1401, "refused", "text"));
        stores.signal(&task, refused).await;
    }
    let roles = Roles::over(stores);
    let bounds = Bounds {
        usage_tasks_max: LOOKED_AT_MAX,
        ..Bounds::default()
    };
    let metering = Metering::new(Context {
        bounds: Arc::new(bounds),
        ..roles.context
    });
    let all = Window {
        from: Timestamp(0),
        until: Timestamp(i64::MAX),
    };
    let page = async |oldest_first, after, skip, made| {
        let query = ChargesQuery {
            tenant,
            made,
            model: None,
            oldest_first,
            after,
            skip,
            limit: 700,
        };
        metering.charges(&query).await
    };
    let tasks = |page: &ChargesPage| -> Vec<TaskId> {
        page.charges
            .iter()
            .map(|charge| charge.task.clone())
            .collect()
    };

    for oldest_first in [false, true] {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = page(oldest_first, after, 0, all).await.unwrap();
            assert_eq!(page.total, Some(charged.len()), "from the daily sums");
            read.extend(tasks(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if oldest_first {
            read.reverse();
        }
        assert_eq!(read, charged, "oldest first: {oldest_first}");
    }
    let far = page(false, None, 1_000, all).await.unwrap_err();
    assert_eq!(
        (far.code, far.field),
        ("window_too_full", Some("page".to_owned()))
    );
    let ended = Window {
        until: Timestamp(1),
        ..all
    };
    let none = page(false, None, 1_000, ended).await.unwrap();
    assert_eq!((none.next, none.total), (None, Some(0)));
}
