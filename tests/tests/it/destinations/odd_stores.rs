//! Outputs in a store without conditional puts, and how they are written to one.

use std::sync::Arc;

use fluxgate_core::app::{Archiver, Machine};
use fluxgate_core::id::TaskId;
use fluxgate_core::port::Purpose;
use fluxgate_core::secret::Secret;
use fluxgate_core::task::State;
use fluxgate_outbound::{Guard, GuardPolicy, HttpOutputFetcher, NameSettings, store_http};
use fluxgate_s3::{AwsAccount, S3Limits, S3ObjectStore, S3StoreSettings, StoreHttp, fixed_keys};
use fluxgate_tests::odd_store::{BUCKET, OddStore, Oddity};
use fluxgate_tests::{Gateway, eventually};
use serde_json::json;

use super::{completed, gateway_to, key, with};

/// As a second process would have it.
fn second_archiver(gateway: &Gateway) -> Archiver {
    let folder = gateway.server.folder();
    let policy = GuardPolicy::allowing(vec!["127.0.0.0/8".parse().unwrap()]);
    let guard = Guard::new(policy, NameSettings::default()).unwrap();
    let keys = fixed_keys("unused", &Secret::new("unused"));
    let account = AwsAccount {
        endpoint: None,
        credentials: keys.clone(),
        force_path_style: false,
    };
    let guarded = guard.client(Purpose::Store);
    let http = StoreHttp {
        named: Arc::new(move |tenant| store_http(&guarded, tenant)),
        aws: None,
    };
    let own = S3StoreSettings {
        endpoint: None,
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: keys,
        force_path_style: true,
        http: Some((http.named)(&"acme".parse().unwrap())),
        limits: S3Limits::default(),
    };
    let vault = Arc::new(folder.vault());
    let objects = S3ObjectStore::new(own).with_stores(account, vault, http);
    let fetcher = HttpOutputFetcher::new(guard.client(Purpose::Output));
    let queue = Arc::new(folder.store.clone());
    let machine = Machine::new(folder.context(), None);
    Archiver::new(machine, queue, Arc::new(fetcher), Arc::new(objects))
}

#[tokio::test]
async fn of_two_copies_in_a_store_without_conditional_puts_the_task_names_one_and_one_is_removed() {
    let store = OddStore::together(&[Oddity::Overwrites], 2).await;
    let known = with(&store.destination(), &json!({ "conditional_put": false }));
    let (gateway, tenant) = gateway_to(&known).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let puts = || async { (!store.seen().is_empty()).then_some(()) };
    eventually("the first put", puts).await;

    let id = TaskId::parse(&task).unwrap();
    second_archiver(&gateway)
        .archive(&tenant.id, &id)
        .await
        .unwrap();

    let prediction = tenant.ended(&task).await;
    let named = vec![format!("/{BUCKET}/{}", key(&prediction))];
    eventually("one object", || async {
        (store.paths() == named).then_some(())
    })
    .await;
    let puts = store.seen();
    let puts = puts.iter().filter(|(method, _)| method == "PUT");
    assert!(
        puts.clone()
            .all(|(_, headers)| !headers.contains_key("if-none-match")),
        "{puts:?}"
    );
    assert_eq!((puts.count(), tenant.balance_usd().await), (2, 0.92));
    assert_eq!(prediction["status"], State::Completed.as_str());
    gateway.stop().await;
}

#[tokio::test]
async fn template_storage_class_and_kms_key_are_the_destination_s() {
    let store = OddStore::start(&[]).await;
    let wanted = json!({
        "key_template": "{tenant}/{year}/{task}-{n}.{ext}", "storage_class": "STANDARD_IA",
        "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/1234",
    });
    let (gateway, tenant) = gateway_to(&with(&store.destination(), &wanted)).await;

    let prediction = completed(&tenant).await;

    let (_, headers) = store
        .seen()
        .into_iter()
        .find(|(method, _)| method == "PUT")
        .unwrap();
    assert_eq!(headers["x-amz-storage-class"], "STANDARD_IA");
    assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
    assert_eq!(
        headers["x-amz-server-side-encryption-aws-kms-key-id"],
        "arn:aws:kms:eu-central-1:123456789012:key/1234"
    );
    let (id, key) = (prediction["id"].as_str().unwrap(), key(&prediction));
    assert!(
        key.starts_with("out/acme/2") && key.contains(&format!("/{id}-0.")),
        "{key}"
    );
    assert_eq!(store.paths(), [format!("/{BUCKET}/{key}")]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_copy_is_tried_again_while_the_store_answers_without_end() {
    let store = OddStore::start(&[Oddity::Endless("PUT", 200)]).await;
    let (gateway, tenant) = gateway_to(&store.destination()).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let puts = || async { (store.seen().len() >= 2).then_some(()) };
    eventually("another put", puts).await;
    let (sent, puts) = (store.sent_bytes(), store.seen().len() as u64);
    assert!(sent < puts * 32 * 1024 * 1024, "{sent} of {puts}");

    store.mend();

    let prediction = tenant.ended(&task).await;
    assert_eq!(prediction["status"], "completed", "{prediction}");
    assert_eq!(store.paths(), [format!("/{BUCKET}/{}", key(&prediction))]);
    gateway.stop().await;
}
