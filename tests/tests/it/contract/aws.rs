//! The suites on DynamoDB and SQS, as ministack plays them.

use fluxgate_tests::contract::Stores;
use fluxgate_tests::{AwsStores, Ministack};

/// An AWS of its own for each test.
async fn stores() -> (Stores, Ministack) {
    let ministack = Ministack::start().await;
    let stores = AwsStores::on(&ministack).await.stores();
    (stores, ministack)
}

every_behaviour!();
