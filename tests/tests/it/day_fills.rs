//! Daily sums: an update from a release that wrote none, and several gateways over one table.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::port::SystemClock;
use fluxgate_embedded::sqlite::SqliteStore;
use fluxgate_tests::aws_stores::{TABLE, create_table};
use fluxgate_tests::contract::Stores;
use fluxgate_tests::contract::day_fills::{older, the_days_before_are_filled_in_once};
use fluxgate_tests::contract::day_sums::at_a_day_s_change_several_gateways_lose_and_double_nothing;
use fluxgate_tests::{AwsStores, Ministack};
use rusqlite::Connection;

/// As a folder of an older release is after the migration.
#[tokio::test]
async fn on_sqlite_the_days_before_an_update_are_filled_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let before = older(&Stores::on(open())).await;
    let migration = include_str!("../../../shared/embedded/src/sqlite/migrations/11.sql");
    let fill = migration
        .split(';')
        .find(|statement| statement.contains("INSERT INTO day_fills"))
        .unwrap();
    Connection::open(folder.path().join("fluxgate.db"))
        .unwrap()
        .execute_batch(&format!("DELETE FROM days; DELETE FROM day_sums; {fill};"))
        .unwrap();

    the_days_before_are_filled_in_once(Stores::on(open()), before).await;
}

/// The first function of this release finds a table with the marker of an older one.
#[tokio::test]
async fn on_dynamodb_the_days_before_an_update_are_filled_in_once() {
    let ministack = Ministack::start().await;
    create_table(ministack.aws(), TABLE).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    ministack
        .aws()
        .dynamodb()
        .put_item()
        .table_name(TABLE)
        .item("pk", text("FLUXGATE"))
        .item("sk", text("SCHEMA"))
        .item("version", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let stores = AwsStores::on_table(&ministack).await.stores();
    let before = older(&stores).await;

    the_days_before_are_filled_in_once(stores, before).await;
}

#[tokio::test]
async fn at_a_day_s_change_two_gateways_over_one_table_lose_and_double_nothing() {
    let ministack = Ministack::start().await;
    let one = AwsStores::on(&ministack).await;
    let other = one.by_way_of(ministack.aws()).await;

    at_a_day_s_change_several_gateways_lose_and_double_nothing(&[one.stores(), other.stores()])
        .await;
}
