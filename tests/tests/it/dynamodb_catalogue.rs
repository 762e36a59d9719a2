//! The provider's catalogue in the table, as the functions' environments share it.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{CatalogueStore as _, Provider as _};
use fluxgate_tests::contract::{catalogue_store, now};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::roles::provider;
use serde_json::json;

use super::dynamodb::Bed;

#[tokio::test]
async fn what_was_stored_last_is_read_and_equal_entries_are_left_out() {
    let bed = Bed::start().await;
    catalogue_store::what_was_stored_last_is_read_and_equal_entries_are_left_out(bed.store()).await;
}

#[tokio::test]
async fn one_of_many_claims_the_reading_until_it_has_stored_it_or_its_time_is_over() {
    let bed = Bed::start().await;
    let store = bed.store();
    catalogue_store::one_of_many_claims_the_reading_until_it_has_stored_it_or_its_time_is_over(
        store,
    )
    .await;
}

#[tokio::test]
async fn damaged_entries_count_as_none_and_are_replaced() {
    let bed = Bed::start().await;
    let (store, entries) = (bed.store(), Bytes::from_static(b"[]"));
    store.store_catalogue(entries.clone(), now()).await.unwrap();
    let digest: String = sha256(&entries)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let key = |text: String| AttributeValue::S(text);
    bed.put_raw([
        ("pk", key(format!("CATALOGUE#{digest}#0"))),
        ("sk", key("CATALOGUE".to_owned())),
        ("body", AttributeValue::B(b"no zlib".to_vec().into())),
    ])
    .await;

    assert_eq!(store.catalogue_eventual(None).await.unwrap(), None);
    let other = Bytes::from_static(b"[2]");
    store.store_catalogue(other.clone(), now()).await.unwrap();

    let read = store.catalogue_eventual(None).await.unwrap().unwrap();
    assert_eq!(read.entries, Some(other));
}

#[tokio::test]
async fn of_several_environments_one_asks_the_provider_and_the_others_read_the_table() {
    let bed = Bed::start().await;
    let emulator = fluxgate_emulator::Emulator::start(emulator_config())
        .await
        .unwrap();
    let environment = || {
        let client = provider(&emulator.base_url(), emulator.api_key());
        client.sharing(Arc::new(bed.direct.store.clone()))
    };

    let first = environment();
    let models = first.catalogue().await.unwrap().raw().len();
    for _ in 0..3 {
        let other = environment();
        assert_eq!(other.catalogue().await.unwrap().raw().len(), models);
        assert_eq!(other.catalogue_read_at(), first.catalogue_read_at());
    }

    assert_eq!(emulator.request_count("models"), 1);
    assert!(models > 0);
}

#[tokio::test]
async fn an_old_catalogue_serves_on_while_the_provider_does_not_answer() {
    let bed = Bed::start().await;
    let entries = json!([{ "model_id": "wavespeed-ai/old", "base_price": 0.1 }]).to_string();
    let day_ago = now().minus_ms(86_400_000);
    let stored = bed.store().store_catalogue(entries.into(), day_ago);
    stored.await.unwrap();

    let alone =
        provider("http://127.0.0.1:1", "nobody's").sharing(Arc::new(bed.direct.store.clone()));
    let catalogue = alone.catalogue().await.unwrap();

    assert_eq!(catalogue.raw()[0]["model_id"], "wavespeed-ai/old");
    assert_eq!(alone.catalogue_read_at(), Some(day_ago));
}
