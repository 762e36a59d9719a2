//! A budget that is set while the month's runs go on: each counts once, at whatever moment of the
//! count it begins or ends.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, MicroUsd, Payment};
use fluxgate_core::port::AccountStore as _;
use fluxgate_core::task::{Failure, Signal, Task};
use fluxgate_local::folder::DataFolder;
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::budgets::{NOVEMBER, at, budget, set};
use fluxgate_tests::contract::{PRICE, Stores, archived, finished, fresh_run, now};
use fluxgate_tests::faulty_aws::Fault;
use fluxgate_tests::{Gateway, GatewayOptions, Roles, eventually};
use rusqlite::{Connection, params};
use serde_json::json;

use super::dynamodb::Bed;

async fn completed(stores: &Stores, task: &Task) {
    let task = stores.signal(task, finished(fresh_run())).await;
    stores.signal(&task, archived()).await;
}

async fn failed(stores: &Stores, task: &Task) {
    stores
        .signal(
            task,
            Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
        )
        .await;
}

async fn sound(stores: &Stores, tenant: &TenantId) -> Account {
    assert_eq!(check_books(&*stores.accounts, tenant).await.unwrap(), []);
    stores.accounts.account(tenant).await.unwrap()
}

/// Captured and held this month, in runs.
fn runs(account: &Account) -> (i64, i64) {
    let month = account.allowance.as_ref().unwrap();
    (month.spent.0 / PRICE.0, month.held.0 / PRICE.0)
}

/// Runs while a budget is set and one of its calls is held: some end, some begin, and some of those
/// end.
async fn set_while_runs_begin_and_end(held: &'static str) -> (Bed, TenantId) {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(20).await;
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap());
    }
    bed.faulty.next(held, [Fault::Held]);
    let (stores, of) = (bed.by_faulty.clone(), tenant.clone());
    let setting = tokio::spawn(async move {
        set(&stores, &of, Some(budget(9, Payment::Prepaid)), NOVEMBER).await
    });
    eventually("the call that waits", || async {
        (bed.faulty.holding() > 0).then_some(())
    })
    .await;

    completed(&bed.stores, &running[0]).await;
    failed(&bed.stores, &running[1]).await;
    let (done, lost) = (
        bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
        bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
    );
    bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    completed(&bed.stores, &done).await;
    failed(&bed.stores, &lost).await;
    bed.faulty.let_go();
    setting.await.unwrap().unwrap();

    assert_eq!(
        runs(&sound(&bed.stores, &tenant).await),
        (2, 3),
        "while {held} waited"
    );
    completed(&bed.stores, &running[2]).await;
    failed(&bed.stores, &running[3]).await;
    assert_eq!(
        runs(&sound(&bed.stores, &tenant).await),
        (3, 1),
        "while {held} waited"
    );
    (bed, tenant)
}

#[tokio::test]
async fn what_begins_and_ends_before_the_month_s_tasks_are_read_counts_once() {
    set_while_runs_begin_and_end("Query").await;
}

#[tokio::test]
async fn what_begins_and_ends_after_the_month_s_tasks_were_read_counts_once() {
    set_while_runs_begin_and_end("TransactWriteItems").await;
}

#[tokio::test]
async fn what_begins_and_ends_before_the_count_begins_counts_once() {
    set_while_runs_begin_and_end("UpdateItem").await;
}

/// As after a crash during the count: the next call continues it, and no run is lost or counted
/// twice.
#[tokio::test]
async fn a_count_that_was_cut_off_is_no_limit_and_is_finished_by_the_next() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(20).await;
    let running = bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    bed.faulty.next("Query", [Fault::Held]);
    let (stores, of) = (bed.by_faulty.clone(), tenant.clone());
    let setting = tokio::spawn(async move {
        set(&stores, &of, Some(budget(1, Payment::Prepaid)), NOVEMBER).await
    });
    eventually("the count", || async {
        (bed.faulty.holding() > 0).then_some(())
    })
    .await;
    setting.abort();

    completed(&bed.stores, &running).await;
    let meanwhile = bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    bed.stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    set(
        &bed.stores,
        &tenant,
        Some(budget(5, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();

    assert_eq!(meanwhile.hold.period, None);
    assert_eq!(runs(&sound(&bed.stores, &tenant).await), (1, 2));
    completed(&bed.stores, &meanwhile).await;
    assert_eq!(runs(&sound(&bed.stores, &tenant).await), (2, 1));
}

/// A run that ended, and one that goes on, under a budget that a release set which began at zero.
async fn hurt(stores: &Stores, tenant: &TenantId) -> Task {
    let done = stores.admitted(tenant).await;
    completed(stores, &done).await;
    let running = stores.admitted(tenant).await;
    set(stores, tenant, Some(budget(3, Payment::Prepaid)), now())
        .await
        .unwrap();
    running
}

#[tokio::test]
async fn on_dynamodb_a_budget_that_began_at_zero_is_counted_by_the_sweep() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(9).await;
    let running = hurt(&bed.stores, &tenant).await;
    let number = |number: i64| AttributeValue::N(number.to_string());
    let update = bed
        .ministack
        .aws()
        .dynamodb()
        .update_item()
        .table_name(TABLE);
    let update = update
        .key("pk", AttributeValue::S(format!("T#{tenant}")))
        .key("sk", AttributeValue::S("ACCOUNT".to_owned()));
    let set_to_zero = "SET #held = :zero, #spent = :zero, #left = :left REMOVE #counted, #since";
    let update = update.update_expression(set_to_zero);
    let names = [
        ("#held", "month_held"),
        ("#spent", "spent"),
        ("#left", "left"),
        ("#counted", "counted"),
        ("#since", "budget_since"),
    ];
    let update = names.into_iter().fold(update, |update, (name, is)| {
        update.expression_attribute_names(name, is)
    });
    let update = update.expression_attribute_values(":zero", number(0));
    update
        .expression_attribute_values(":left", number(3 * PRICE.0))
        .send()
        .await
        .unwrap();

    Roles::over(&bed.stores)
        .sweeper()
        .sweep(&tenant, now().plus_ms(600_000))
        .await
        .unwrap();

    assert_eq!(runs(&sound(&bed.stores, &tenant).await), (1, 1));
    completed(&bed.stores, &running).await;
    assert_eq!(runs(&sound(&bed.stores, &tenant).await), (2, 0));
}

#[tokio::test]
async fn a_budget_that_began_at_zero_is_counted_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let tenant = TenantId::parse("acme").unwrap();
    {
        let opened = DataFolder::open(&data).unwrap();
        opened
            .add_tenant(&tenant, MicroUsd(9 * PRICE.0))
            .await
            .unwrap();
        hurt(&Stores::on(opened.store.clone()), &tenant).await;
    }
    let connection = Connection::open(data.join("fluxgate.db")).unwrap();
    let zero = "UPDATE accounts SET allowance = json_remove(json_set(allowance, '$.held', 0, '$.spent', 0), '$.since', '$.counted')
                WHERE tenant = ?1";
    assert_eq!(
        connection.execute(zero, params![tenant.as_str()]).unwrap(),
        1
    );
    drop(connection);

    let gateway = Gateway::on(folder, GatewayOptions::default()).await;

    let store = &gateway.server.folder().store;
    let counted = eventually("the count of the month", || async {
        let account = store.account(&tenant).await.unwrap();
        account
            .allowance
            .as_ref()
            .is_some_and(|month| month.counted)
            .then_some(account)
    })
    .await;
    assert_eq!(runs(&counted), (1, 1));
    gateway.stop().await;
}

#[tokio::test]
async fn a_tenant_s_first_budget_leaves_what_the_month_has_not_used() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "5").await);
    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;

    let below = operator
        .put("/tenants/acme/budget", &json!({ "limit_usd": "0.07" }))
        .await;
    let set = operator
        .put("/tenants/acme/budget", &json!({ "limit_usd": "0.16" }))
        .await;
    let second = tenant.submit(&inputs).await;
    let refused = tenant
        .post("/api/v3/wavespeed-ai/flux-kontext-max", &inputs)
        .await;
    tenant.ended(&second).await;

    assert_eq!(
        (below.status.as_u16(), below.text("/code").as_str()),
        (409, "budget_below_use")
    );
    assert_eq!(
        (&set.body["spent_micro_usd"], &set.body["left_micro_usd"]),
        (&json!(80_000), &json!(80_000))
    );
    assert_eq!(refused.text("/error_code"), "budget_exhausted");
    assert_eq!(tenant.get("/v1/budget").await.body["left_micro_usd"], 0);
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}
