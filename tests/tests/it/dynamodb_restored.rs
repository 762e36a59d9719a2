//! Tables that were restored from a backup, or copied: which wait for an operator, and for what.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_aws::AwsSettings;
use fluxgate_aws::dynamodb::{DynamoStore, Table};
use fluxgate_core::app::RestorationState;
use fluxgate_core::port::RestorationStore as _;
use fluxgate_core::task::State;
use fluxgate_core::tenant::Actor;
use fluxgate_core::{Error, Kind, Reason};
use fluxgate_tests::Ministack;
use fluxgate_tests::aws_stores::{KEYS_TABLE, TABLE, create_table};
use fluxgate_tests::contract::cut_off::cut_off;
use fluxgate_tests::contract::tenant_store::tenant_with_bucket;
use fluxgate_tests::contract::{Stores, fresh_tenant, restorations};
use fluxgate_tests::faulty_aws::Fault;
use fluxgate_tests::roles::Roles;

use super::dynamodb::Bed;

const RESTORED: &str = "fluxgate-restored";

/// As a function opens it that submits.
async fn open(bed: &Bed, table: &str) -> Result<Arc<DynamoStore>, Error> {
    open_by_way_of(bed.ministack.aws(), bed, table).await
}

async fn open_by_way_of(
    aws: &AwsSettings,
    bed: &Bed,
    table: &str,
) -> Result<Arc<DynamoStore>, Error> {
    let dynamodb = aws.dynamodb();
    let keys = Table::new(dynamodb.clone(), KEYS_TABLE);
    let table = match table {
        TABLE => Table::new(dynamodb, TABLE),
        adopted => Table::new(dynamodb, adopted).adopted(),
    };
    let store = DynamoStore::new(table, keys, bed.direct.queue.clone());
    store.look_for_restorations();
    store.check_schema().await?;
    Ok(Arc::new(store))
}

async fn backup_and_restore(ministack: &Ministack) {
    let dynamodb = ministack.aws().dynamodb();
    let backup = dynamodb.create_backup().table_name(TABLE);
    let backup = backup.backup_name("before").send().await.unwrap();
    let backup = backup.backup_details.unwrap().backup_arn;
    let restore = dynamodb.restore_table_from_backup().backup_arn(backup);
    let restore = restore.target_table_name(RESTORED);
    restore.send().await.unwrap();
}

/// Copies what is not the schema's item, or that alone.
async fn copy(ministack: &Ministack, is_schema: bool) {
    let dynamodb = ministack.aws().dynamodb();
    let items = dynamodb.scan().table_name(TABLE).send().await.unwrap();
    let schema = AttributeValue::S("SCHEMA".to_owned());
    for item in items.items() {
        if (item["sk"] == schema) == is_schema {
            let put = dynamodb.put_item().table_name(RESTORED);
            put.set_item(Some(item.clone())).send().await.unwrap();
        }
    }
}

async fn items(ministack: &Ministack) -> i32 {
    let scan = ministack.aws().dynamodb().scan().table_name(RESTORED);
    scan.send().await.unwrap().count
}

#[tokio::test]
async fn a_table_from_a_backup_is_seen_to_once_for_every_process() {
    let bed = Bed::start().await;
    open(&bed, TABLE).await.unwrap();
    backup_and_restore(&bed.ministack).await;

    let reason = Reason::RestorationNeeded;
    restorations::a_restored_store_is_seen_to_once_for_every_process(reason, async || {
        open(&bed, RESTORED).await.unwrap()
    })
    .await;

    let own = open(&bed, TABLE).await.unwrap();
    assert!(!own.may_await_restoration(), "it is as it was");
    own.check_restored().await.unwrap();
}

/// It has no id of its table that a restored one could differ from.
#[tokio::test]
async fn a_table_that_only_an_earlier_release_knew_is_seen_to_if_it_is_from_a_backup() {
    let bed = Bed::start().await;
    backup_and_restore(&bed.ministack).await;

    bed.faulty.next("DescribeTable", [Fault::FromBackup]);
    let by_faulty = open_by_way_of(&bed.faulty.aws, &bed, RESTORED);
    let restored = by_faulty.await.unwrap();
    let own = open(&bed, TABLE).await.unwrap();

    let error = restored.check_restored().await.unwrap_err();
    assert_eq!(error.code, "restoration_needed");
    own.check_restored().await.unwrap();
}

/// As by the import of an export: DynamoDB does not know that it is a copy.
#[tokio::test]
async fn a_copy_item_by_item_is_half_a_table_until_it_has_its_schema_and_is_seen_to_then() {
    let bed = Bed::start().await;
    open(&bed, TABLE).await.unwrap();
    tenant_with_bucket(&bed.stores, &fresh_tenant(), "b").await;
    create_table(bed.ministack.aws(), RESTORED).await;
    copy(&bed.ministack, false).await;
    let copied = items(&bed.ministack).await;

    let half = open(&bed, RESTORED).await.unwrap_err();
    let untouched = items(&bed.ministack).await;
    copy(&bed.ministack, true).await;
    let whole = open(&bed, RESTORED).await.unwrap();

    assert_eq!(
        (half.kind, half.code),
        (Kind::Unavailable, "table_half_restored")
    );
    assert!(
        half.message.contains("wait until its copy is whole"),
        "{half}"
    );
    assert_eq!(copied, untouched);
    let error = whole.check_restored().await.unwrap_err();
    assert_eq!(error.code, "restoration_needed");
}

#[tokio::test]
async fn a_restored_table_that_lost_its_schema_s_item_is_not_seen_to() {
    let bed = Bed::start().await;
    open(&bed, TABLE).await.unwrap();
    backup_and_restore(&bed.ministack).await;
    let restored = open(&bed, RESTORED).await.unwrap();
    let dynamodb = bed.ministack.aws().dynamodb();
    let delete = dynamodb.delete_item().table_name(RESTORED);
    let delete = delete.key("pk", AttributeValue::S("FLUXGATE".to_owned()));
    let delete = delete.key("sk", AttributeValue::S("SCHEMA".to_owned()));
    delete.send().await.unwrap();

    let error = restored.restoration_done().await.unwrap_err();

    assert_eq!(error.code, "table_half_restored");
    let error = restored.check_restored().await.unwrap_err();
    assert_eq!(error.code, "restoration_needed");
}

#[tokio::test]
async fn a_table_that_is_still_being_restored_is_waited_for() {
    let bed = Bed::start().await;
    bed.faulty.next("DescribeTable", [Fault::Creating]);

    let early = open_by_way_of(&bed.faulty.aws, &bed, TABLE).await;
    let later = open_by_way_of(&bed.faulty.aws, &bed, TABLE).await;

    let error = early.unwrap_err();
    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "table_not_ready")
    );
    assert!(error.message.contains("wait until it is ACTIVE"), "{error}");
    later.unwrap();
}

/// As a function is that is killed, or whose time is up, at any moment of a step.
#[tokio::test]
async fn a_restoration_whose_step_is_cut_off_anywhere_is_begun_again_and_ends_whole() {
    let bed = Bed::start().await;
    open(&bed, TABLE).await.unwrap();
    let tenant = bed.stores.funded(4).await;
    tenant_with_bucket(&bed.stores, &tenant, "b").await;
    let sent = [
        bed.stores.admitted(&tenant).await,
        bed.stores.admitted(&tenant).await,
    ];
    let known = bed.stores.archiving(&tenant).await;
    backup_and_restore(&bed.ministack).await;
    let restored = open(&bed, RESTORED).await.unwrap();
    let stores = Stores::of(restored.clone(), bed.direct.queue.clone(), restored.clone());
    let (_, restorations) = Roles::over(&stores).operator_tasks();
    let by = Actor::new("the operator");

    let mut waits = 0;
    let whole = loop {
        let cut = Box::pin(cut_off(waits, restorations.step(None, &by)));
        if let Some(step) = cut.await {
            break step.unwrap();
        }
        waits += 3;
    };
    let again = restorations.step(None, &by).await.unwrap();

    assert!(waits > 9, "it was cut off");
    // It may have been cut off when all was done.
    let is_over = [RestorationState::Done, RestorationState::NotNeeded].contains(&whole.state);
    assert!(is_over, "{whole:?}");
    assert_eq!(again.state, RestorationState::NotNeeded);
    restored.check_restored().await.unwrap();
    for before in &sent {
        let task = stores.tasks.get(&tenant, &before.id).await.unwrap();
        let steps = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
        assert!(steps.iter().any(|step| step.name == "restored"));
        assert_eq!(task.state, State::Unknown);
    }
    let archiving = stores.tasks.get(&tenant, &known.id).await.unwrap();
    assert_eq!(archiving, known, "its run is known");
}
