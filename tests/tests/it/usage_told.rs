//! The property of the usage export, on both stores.

use fluxgate_tests::contract::Stores;
use fluxgate_tests::contract::usage_export::many_pages_are_told_each_charge_once;
use fluxgate_tests::contract::usage_told::{events, what_is_told_is_what_was_charged};
use fluxgate_tests::{AwsStores, Ministack};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

/// Runs this many sequences of events, each on a tenant of its own.
fn run(cases: u32, runtime: &Runtime, stores: &Stores) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let sequences = vec(events(), 1..40);
    let checked = TestRunner::new(config).run(&sequences, |events| {
        runtime.block_on(what_is_told_is_what_was_charged(stores.clone(), events));
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn on_sqlite_what_is_told_is_what_was_charged() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stores = runtime.block_on(async { Stores::on_sqlite(folder.path()) });

    run(100, &runtime, &stores);
}

#[test]
fn on_dynamodb_what_is_told_is_what_was_charged() {
    let runtime = Runtime::new().unwrap();
    let ministack = runtime.block_on(Ministack::start());
    let stores = runtime.block_on(AwsStores::on(&ministack)).stores();

    run(8, &runtime, &stores);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_many_pages_are_told_each_charge_once() {
    let folder = tempfile::tempdir().unwrap();

    many_pages_are_told_each_charge_once(Stores::on_sqlite(folder.path())).await;
}
