//! Removing old tasks on DynamoDB is several writes: what a crash between them leaves.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::LedgerEntry;
use fluxgate_core::task::Task;
use fluxgate_tests::contract::{Stores, archived};
use fluxgate_tests::eventually;
use fluxgate_tests::faulty_aws::Fault;

use super::dynamodb::Bed;

async fn charged(stores: &Stores, tenant: &TenantId) -> Task {
    let task = stores.archiving(tenant).await;
    stores.signal(&task, archived()).await;
    stores.tasks.get(tenant, &task.id).await.unwrap()
}

async fn ledger(stores: &Stores, tenant: &TenantId) -> Vec<LedgerEntry> {
    stores.accounts.ledger(tenant).await.unwrap()
}

async fn remove(
    stores: &Stores,
    tenant: &TenantId,
    tasks: &[Task],
) -> fluxgate_core::Result<usize> {
    let removed = stores.store.retention().remove_tasks(tenant, tasks).await?;
    Ok(removed.count)
}

/// Starts a removal by the faulty way and drops it at this call: the function was killed.
async fn cut_off_at(bed: &Bed, operation: &'static str, tenant: &TenantId, tasks: &[Task]) {
    bed.faulty.next(operation, [Fault::Held]);
    let removal = remove(&bed.by_faulty, tenant, tasks);
    let held = eventually("the call that is held", || async {
        (bed.faulty.holding() > 0).then_some(())
    });
    tokio::select! {
        removed = removal => panic!("it was not held: {removed:?}"),
        () = held => {}
    }
}

#[tokio::test]
async fn a_removal_that_is_cut_off_before_its_pack_removes_nothing() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(3).await;
    let tasks = [charged(&bed.stores, &tenant).await];
    let before = ledger(&bed.stores, &tenant).await;

    cut_off_at(&bed, "TransactWriteItems", &tenant, &tasks).await;

    assert_eq!(ledger(&bed.stores, &tenant).await, before);
    let task = bed.stores.tasks.get(&tenant, &tasks[0].id).await;
    assert_eq!(task.unwrap(), tasks[0]);
    assert_eq!(remove(&bed.stores, &tenant, &tasks).await.unwrap(), 1);
    assert_eq!(ledger(&bed.stores, &tenant).await, before);
}

#[tokio::test]
async fn a_removal_that_is_cut_off_behind_its_pack_tells_each_line_once_and_is_finished() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(4).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(charged(&bed.stores, &tenant).await);
    }
    let before = ledger(&bed.stores, &tenant).await;

    cut_off_at(&bed, "DeleteItem", &tenant, &tasks[..2]).await;

    assert_eq!(ledger(&bed.stores, &tenant).await, before);
    let left = bed.stores.tasks.list_after(&tenant, None, 9).await.unwrap();
    assert!(left.len() > 1, "one item at least was not deleted");
    let rest = remove(&bed.stores, &tenant, &left).await.unwrap();
    assert_eq!(rest, left.len());
    assert_eq!(ledger(&bed.stores, &tenant).await, before);
    let gone = bed.stores.tasks.list_after(&tenant, None, 9).await.unwrap();
    assert_eq!(gone, []);
}

#[tokio::test]
async fn a_pack_whose_answer_is_lost_is_written_once() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let tasks = [charged(&bed.stores, &tenant).await];
    let before = ledger(&bed.stores, &tenant).await;
    bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);

    // Whether or not it is told that its own write came first, the next call finishes it.
    drop(remove(&bed.by_faulty, &tenant, &tasks).await);
    let left = bed.stores.tasks.list_after(&tenant, None, 9).await.unwrap();
    remove(&bed.stores, &tenant, &left).await.unwrap();

    assert_eq!(ledger(&bed.stores, &tenant).await, before);
    let gone = bed.stores.tasks.list_after(&tenant, None, 9).await.unwrap();
    assert_eq!(gone, []);
}

/// Two sweeps may overlap.
#[tokio::test]
async fn of_two_removals_of_the_same_tasks_at_once_both_leave_the_lines_as_they_were() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(4).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(charged(&bed.stores, &tenant).await);
    }
    let before = ledger(&bed.stores, &tenant).await;

    let (one, other) = tokio::join!(
        remove(&bed.stores, &tenant, &tasks),
        remove(&bed.by_faulty, &tenant, &tasks[..2])
    );

    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    let left = bed.stores.tasks.list_after(&tenant, None, 9).await.unwrap();
    remove(&bed.stores, &tenant, &left).await.unwrap();
    assert_eq!(ledger(&bed.stores, &tenant).await, before);
}

/// What it costs to remove a task that is no larger than a kilobyte: its deletion, and its share of
/// the pack.
#[tokio::test]
async fn a_removal_costs_a_write_unit_a_task_and_the_pack() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(20).await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        tasks.push(charged(&bed.stores, &tenant).await);
    }
    let before = bed.faulty.write_units();

    remove(&bed.by_faulty, &tenant, &tasks).await.unwrap();

    // The transaction of the pack and of how far it reaches is 4.
    assert_eq!(bed.faulty.write_units() - before, 16 + 4);
}

/// Whoever removes must have read every task from the oldest on.
#[tokio::test]
async fn tasks_behind_one_that_was_not_read_are_left() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(3).await;
    let unread = charged(&bed.stores, &tenant).await;
    let task = charged(&bed.stores, &tenant).await;

    let refused = remove(&bed.stores, &tenant, std::slice::from_ref(&task)).await;

    assert_eq!(refused.unwrap_err().code, "version_conflict");
    let left = bed.stores.tasks.list_after(&tenant, None, 9).await.unwrap();
    assert_eq!(left, [unread, task]);
}
