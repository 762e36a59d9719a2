//! `AccountStore::books`: a tenant's books, part by part.

use std::collections::BTreeSet;

use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Direction, EntryKind, LedgerEntry};
use fluxgate_core::port::BooksPart;
use fluxgate_core::task::{BookedTask, Task};

use super::{Stores, fresh_tenant};

impl Stores {
    /// All parts of one reading.
    pub async fn parts_of_books(&self, tenant: &TenantId) -> Vec<BooksPart> {
        let mut books = self.accounts.books(tenant).await.unwrap();
        let mut parts = Vec::new();
        while let Some(part) = books.next().await.unwrap() {
            parts.push(part);
        }
        assert!(books.next().await.unwrap().is_none(), "it stays at the end");
        parts
    }
}

pub async fn each_entry_and_each_task_is_in_one_part_of_the_books(stores: Stores) {
    let tenant = stores.funded(10).await;
    for n in 0..3 {
        let task = stores.charged(&tenant).await;
        if n > 0 {
            stores.refund(&task, 10_000).await.unwrap();
        }
        stores.admitted(&tenant).await;
    }
    stores
        .adjust(&tenant, Direction::Credit, 7, "note")
        .await
        .unwrap();
    let (ledger, mut tasks) = (
        stores.accounts.ledger(&tenant).await.unwrap(),
        stores.tasks.list_after(&tenant, None, 100).await.unwrap(),
    );

    let parts = stores.parts_of_books(&tenant).await;

    let entries = parts.iter().flat_map(|part| part.entries.iter().cloned());
    let mut entries: Vec<LedgerEntry> = entries.collect();
    entries.sort_by_key(LedgerEntry::position);
    assert_eq!(entries, ledger);
    let mut booked: Vec<_> = parts.iter().flat_map(|part| part.tasks.iter()).collect();
    booked.sort_by_key(|task| task.id.clone());
    tasks.sort_by_key(|task: &Task| task.id.clone());
    let expected: Vec<BookedTask> = tasks.iter().map(BookedTask::of).collect();
    assert_eq!(booked, expected.iter().collect::<Vec<_>>());
    for part in &parts {
        let of_part: BTreeSet<&str> = part.tasks.iter().map(|task| task.id.as_str()).collect();
        let captures = part.entries.iter();
        let captures = captures.filter(|entry| entry.kind == EntryKind::Capture);
        for capture in captures {
            assert!(of_part.contains(capture.reference.as_str()), "{capture:?}");
        }
    }
    assert_eq!(check_books(&*stores.accounts, &tenant).await.unwrap(), []);
}

pub async fn the_books_of_nobody_are_empty_and_right(stores: Stores) {
    let nobody = fresh_tenant();

    let parts = stores.parts_of_books(&nobody).await;

    let is_empty = |part: &BooksPart| part.entries.is_empty() && part.tasks.is_empty();
    assert!(parts.iter().all(is_empty), "{parts:?}");
    assert_eq!(check_books(&*stores.accounts, &nobody).await.unwrap(), []);
}
