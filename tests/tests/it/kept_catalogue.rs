//! The catalogue that a data folder keeps: a gateway that starts while its provider is down knows
//! the models, and takes tasks that wait.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use fluxgate_core::port::{CatalogueStore as _, SystemClock};
use fluxgate_embedded::SqliteStore;
use fluxgate_emulator::{DEMO_PHOTO, Emulator, EmulatorConfig};
use fluxgate_tests::contract::{catalogue_store, now};
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::process;
use fluxgate_tests::serve_alone::serve_alone;
use fluxgate_tests::tenant::MODEL;
use rusqlite::Connection;
use serde_json::json;

const PROVIDER: &str = "https://provider.example/";

fn store() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    (store, folder)
}

#[tokio::test]
async fn what_was_stored_last_is_read_and_equal_entries_are_left_out() {
    let (store, _folder) = store();
    let catalogue = store.catalogue_of(PROVIDER);
    catalogue_store::what_was_stored_last_is_read_and_equal_entries_are_left_out(&catalogue).await;
}

#[tokio::test]
async fn one_of_many_claims_the_reading_until_it_has_stored_it_or_its_time_is_over() {
    let (store, _folder) = store();
    catalogue_store::one_of_many_claims_the_reading_until_it_has_stored_it_or_its_time_is_over(
        &store.catalogue_of(PROVIDER),
    )
    .await;
}

/// Its models and prices are others.
#[tokio::test]
async fn the_catalogue_of_another_provider_is_not_read_and_is_replaced() {
    let (store, _folder) = store();
    let (one, other) = (
        store.catalogue_of(PROVIDER),
        store.catalogue_of("http://127.0.0.1:1/"),
    );
    let entries = || Bytes::from_static(b"[]");
    one.store_catalogue(entries(), now()).await.unwrap();

    let of_other = other.catalogue_eventual(None).await.unwrap();
    other.store_catalogue(entries(), now()).await.unwrap();

    assert_eq!(of_other, None);
    assert_eq!(one.catalogue_eventual(None).await.unwrap(), None);
    assert!(other.catalogue_eventual(None).await.unwrap().is_some());
}

#[tokio::test]
async fn damaged_entries_count_as_none_and_are_replaced() {
    let (store, folder) = store();
    let catalogue = store.catalogue_of(PROVIDER);
    let entries = Bytes::from_static(b"[1]");
    let stored = catalogue.store_catalogue(entries.clone(), now());
    stored.await.unwrap();
    let database = Connection::open(folder.path().join("fluxgate.db")).unwrap();
    let damaged = database.execute("UPDATE catalogue_entries SET entries = x'00'", []);
    assert_eq!(damaged, Ok(1));

    assert_eq!(catalogue.catalogue_eventual(None).await.unwrap(), None);

    let stored = catalogue.store_catalogue(entries.clone(), now());
    stored.await.unwrap();
    let read = catalogue.catalogue_eventual(None).await.unwrap().unwrap();
    assert_eq!(read.entries, Some(entries));
}

/// Fluxgate answered 503 to every submit after a restart while the provider was down.
#[tokio::test]
async fn after_a_restart_with_the_provider_down_a_submit_is_accepted_and_sent_later() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let config = EmulatorConfig {
        listen: free_address(),
        ..emulator_config()
    };
    let emulator = Emulator::start(config.clone()).await.unwrap();
    let (served, tenant) = serve_alone(data, &emulator).await;
    let inputs = tenant.inputs().await;
    tenant.ended(&tenant.submit(&inputs).await).await;
    let (url, key) = (emulator.base_url(), emulator.api_key().to_owned());
    drop(served);
    emulator.stop().await;

    let listen = free_address().to_string();
    let args = ["--data", data, "--listen", &listen];
    let env = [
        ("WAVESPEED_API_KEY", key.as_str()),
        ("FLUXGATE_PROVIDER", url.as_str()),
        ("FLUXGATE_BOUNDS__WAKE_FIRST_MS", "200"),
        ("FLUXGATE_BOUNDS__WAKE_MAX_MS", "1000"),
    ];
    let base_url = format!("http://{listen}");
    let args = [&args[..], &["--s3-listen", "127.0.0.1:0"]].concat();
    let _served = process::FluxgateProcess::serve(&args, &env, &base_url).await;
    let tenant = fluxgate_tests::TestTenant::new(tenant.id, &base_url, tenant.token);
    let picture = base64::engine::general_purpose::STANDARD.encode(DEMO_PHOTO);
    let picture = format!("data:image/jpeg;base64,{picture}");
    let inputs = json!({ "prompt": "make it a sketch", "image": picture });

    assert_eq!(tenant.get("/api/v3/models").await.status, 200);
    let task = tenant.submit(&inputs).await;
    assert_eq!(tenant.result(&task).await["status"], "created");

    let emulator = Emulator::start(config).await.unwrap();
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(emulator.runs().len(), 1);
}

#[tokio::test]
async fn a_folder_that_never_had_a_catalogue_refuses_submits_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    emulator.set_faults(fluxgate_emulator::Faults {
        account_status: 402,
        ..Default::default()
    });
    let (_served, tenant) = serve_alone(folder.path().to_str().unwrap(), &emulator).await;

    let inputs = json!({ "prompt": "x", "image": "https://pictures.example/1.png" });
    let refused = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;

    assert_eq!(refused.status, 503, "{:?}", refused.body);
    let message = refused.text("/message");
    assert!(
        message.contains("cannot use the model's provider at the moment"),
        "{message}"
    );
}
