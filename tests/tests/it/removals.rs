//! Old tasks are removed while `serve` runs, and SIGKILLs interrupt it.

use std::path::Path;

use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::LedgerEntry;
use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::time::Timestamp;
use fluxgate_embedded::SqliteStore;
use fluxgate_tests::contract::{Stores, day_sums, now};
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, eventually, process};
use futures::future::join_all;

const DAY_MS: i64 = 86_400_000;
const OLD_TASKS: i64 = 500;
const YOUNG_TASKS: i64 = 5;
const KILLS: usize = 4;

/// A folder with one tenant.
fn folder_with(tenant: &TenantId, data: &str) -> Stores {
    let args = [
        "tenants",
        "add",
        tenant.as_str(),
        "--balance",
        "100",
        "--data",
        data,
    ];
    assert!(process::run(&args).status.success());
    Stores::on_sqlite(Path::new(data))
}

/// Completed tasks that were made so many days ago.
async fn complete(stores: &Stores, tenant: &TenantId, days_ago: i64, count: i64) {
    let task = |n: i64| async move {
        let at = Timestamp(now().0 - days_ago * DAY_MS + n);
        let mut submit = day_sums::submit(tenant, at);
        submit.task.id = SystemEntropy.task_id(at);
        let task = stores.admit(submit).await.unwrap();
        day_sums::completed(stores, &task, at).await;
    };
    join_all((0..count).map(task)).await;
}

async fn serve(data: &str) -> FluxgateProcess {
    let listen = free_address().to_string();
    let args = [
        "--data",
        data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    FluxgateProcess::serve(&args, &[], &format!("http://{listen}")).await
}

async fn left(stores: &Stores, tenant: &TenantId) -> usize {
    let tasks = stores.tasks.list_after(tenant, None, 9_999).await;
    tasks.unwrap().len()
}

async fn right_ledger(stores: &Stores, tenant: &TenantId) -> Vec<LedgerEntry> {
    let findings = check_books(&*stores.accounts, tenant).await;
    assert_eq!(findings.unwrap(), []);
    day_sums::money_is_the_ledger_s(stores, tenant).await;
    stores.accounts.ledger(tenant).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_sigkills_cut_off_goes_on_and_the_books_stay_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    let stores = folder_with(&tenant, data);
    complete(&stores, &tenant, 500, OLD_TASKS).await;
    complete(&stores, &tenant, 5, YOUNG_TASKS).await;
    let before = right_ledger(&stores, &tenant).await;
    let young = usize::try_from(YOUNG_TASKS).unwrap();

    for _ in 0..KILLS {
        let known = left(&stores, &tenant).await;
        let process = serve(data).await;
        eventually("some tasks to be removed", || async {
            let now = left(&stores, &tenant).await;
            (now < known || now == young).then_some(())
        })
        .await;
        process.kill();
        assert_eq!(right_ledger(&stores, &tenant).await, before);
    }
    let process = serve(data).await;
    eventually("every old task to be removed", || async {
        (left(&stores, &tenant).await == young).then_some(())
    })
    .await;

    process.kill();
    assert_eq!(right_ledger(&stores, &tenant).await, before);
    SqliteStore::check(Path::new(data)).unwrap();
}
