//! The property of the books, on both stores.

use fluxgate_tests::contract::Stores;
use fluxgate_tests::contract::books::{events, the_books_of_several_gateways_agree};
use fluxgate_tests::{AwsStores, Ministack};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

/// Runs this many sequences of events, each on a tenant of its own.
fn run(cases: u32, runtime: &Runtime, gateways: &[Stores]) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let sequences = vec(events(), 1..40);
    let checked = TestRunner::new(config).run(&sequences, |events| {
        runtime.block_on(the_books_of_several_gateways_agree(gateways, events));
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn on_sqlite_the_books_agree_whatever_happens() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stores = runtime.block_on(async { Stores::on_sqlite(folder.path()) });

    run(200, &runtime, &[stores]);
}

#[test]
fn on_dynamodb_the_books_of_two_gateways_agree_whatever_happens() {
    let runtime = Runtime::new().unwrap();
    let ministack = runtime.block_on(Ministack::start());
    let one = runtime.block_on(AwsStores::on(&ministack));
    let other = runtime.block_on(one.by_way_of(ministack.aws()));

    run(12, &runtime, &[one.stores(), other.stores()]);
}
