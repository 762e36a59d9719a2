//! The limit of endpoints per tenant, under concurrent requests, and a tenant of an older release
//! that is over it.

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountStore as _, Queue as _, TaskStore as _};
use fluxgate_core::task::{Finished, Lane, Signal, State, Task, transition};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{CallbackUrl, Endpoint, EndpointKind};
use fluxgate_local::folder::DataFolder;
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::endpoint_store::{ENDPOINTS_MAX, endpoint};
use fluxgate_tests::contract::{PRICE, Stores, admission, finished, fresh_run, now};
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, eventually};
use rusqlite::{Connection, params};
use serde_json::json;

use super::dynamodb::Bed;

/// As many as concurrent requests could once create.
const ASKED: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn of_three_hundred_creations_at_once_sixteen_succeed_and_the_others_are_told_why() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;

    let creations = (0..ASKED).map(|n| {
        let (tenant, url) = (tenant.clone(), receiver.url(&format!("events/{n}")));
        tokio::spawn(async move { tenant.post("/v1/endpoints", &json!({ "url": url })).await })
    });
    let mut answers: BTreeMap<(u16, String), usize> = BTreeMap::new();
    for creation in creations.collect::<Vec<_>>() {
        let answer = creation.await.unwrap();
        *answers
            .entry((answer.status.as_u16(), answer.text("/code")))
            .or_default() += 1;
    }

    let wanted = [
        ((201, String::new()), ENDPOINTS_MAX),
        (
            (409, "too_many_endpoints".to_owned()),
            ASKED - ENDPOINTS_MAX,
        ),
    ];
    assert_eq!(answers, BTreeMap::from(wanted));
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(
        receiver.about(&task, ENDPOINTS_MAX).await.len(),
        ENDPOINTS_MAX
    );
    let steps = tenant.steps(&task).await;
    assert_eq!(
        steps.iter().filter(|step| *step == "archived").count(),
        1,
        "{steps:?}"
    );
    let account = gateway.operator().get("/tenants/acme/account").await.body;
    assert_eq!(
        (&account["captured_micro_usd"], &account["held_micro_usd"]),
        (&json!(80_000), &json!(0))
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_dynamodb_too_who_loses_to_others_is_refused_only_when_the_last_place_is_taken() {
    let bed = Bed::start().await;
    let tenant = fluxgate_tests::contract::fresh_tenant();
    bed.faulty.contend();

    let (created, refused) = bed.by_faulty.endpoints_at_once(&tenant, ASKED).await;

    assert_eq!(
        (created, refused.len()),
        (ENDPOINTS_MAX, ASKED - ENDPOINTS_MAX)
    );
    let others: Vec<_> = refused
        .iter()
        .filter(|error| error.code != "too_many_endpoints")
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(bed.faulty.conflicts() > 0, "no transactions conflicted");
}

#[tokio::test]
async fn endpoints_from_before_they_were_counted_count() {
    let bed = Bed::start().await;
    let tenant = fluxgate_tests::contract::fresh_tenant();
    bed.stores
        .endpoints_at_once(&tenant, ENDPOINTS_MAX - 2)
        .await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let count = bed
        .ministack
        .aws()
        .dynamodb()
        .delete_item()
        .table_name(TABLE);
    count
        .key("pk", text(&format!("T#{tenant}")))
        .key("sk", text("ENDPOINTS"))
        .send()
        .await
        .unwrap();

    let (created, refused) = bed.stores.endpoints_at_once(&tenant, 20).await;

    assert_eq!((created, refused.len()), (2, 18));
    assert!(
        refused
            .iter()
            .all(|error| error.code == "too_many_endpoints"),
        "{refused:?}"
    );
}

/// One pixel.
const PICTURE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const DAY_MS: i64 = 86_400_000;

/// What an older release left behind: a tenant with far too many endpoints, a task whose end could
/// not be written for a day, and a younger one whose copy became a dead letter.
async fn hurt(data: &Path, receiver: &LiveReceiver) -> (TenantId, Task, Task) {
    let folder = DataFolder::open(data).unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    folder
        .add_tenant(&tenant, MicroUsd(2 * PRICE.0))
        .await
        .unwrap();
    let stores = Stores::on(folder.store.clone());
    for n in 0..120 {
        let url = CallbackUrl::parse(&receiver.url(&format!("events/{n}"))).unwrap();
        let endpoint = Endpoint {
            kind: EndpointKind::Push { url },
            ..endpoint(&tenant)
        };
        stores
            .endpoints
            .create(&endpoint, usize::MAX)
            .await
            .unwrap();
    }
    let long_ago = Timestamp(now().0 - 10 * DAY_MS);
    let mut old = admission(&tenant);
    old.task.created_at = long_ago;
    let old = stores.admit(old).await.unwrap();
    let old = transition(&old, finished(fresh_run()), long_ago).unwrap();
    stores.tasks.apply(&old).await.unwrap();
    many_since(data, &old.task);
    let young = stores.admitted(&tenant).await;
    let Signal::Finished(run) = finished(fresh_run()) else {
        unreachable!()
    };
    let run = Finished {
        sources: vec![PICTURE.to_owned()],
        ..run
    };
    let young = stores.signal(&young, Signal::Finished(run)).await;
    for lease in folder
        .store
        .receive(Lane::Archive, 10, 60_000)
        .await
        .unwrap()
    {
        folder
            .store
            .fail(
                &lease,
                0,
                "cannot write a delivery: the database failed (database)",
                1,
            )
            .await
            .unwrap();
    }
    assert_eq!(
        folder
            .store
            .dead_letters(Lane::Archive)
            .await
            .unwrap()
            .len(),
        2
    );
    (tenant, old.task, young)
}

/// More tasks after it than one page of the audit, all ended long ago; and its watch is gone.
fn many_since(data: &Path, task: &Task) {
    let connection = Connection::open(data.join("fluxgate.db")).unwrap();
    connection
        .execute(
            "WITH RECURSIVE many (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM many WHERE k < 1100)
             INSERT INTO tasks (tenant, id, version, open, body)
             SELECT tenant, printf('e%031x', k), 9, 0,
                    json_set(body, '$.id', printf('e%031x', k), '$.state', 'failed')
             FROM tasks, many WHERE tasks.id = ?1",
            params![task.id.as_str()],
        )
        .unwrap();
    connection
        .execute(
            "DELETE FROM jobs WHERE key = ?1",
            params![format!("watch/acme/{}", task.id)],
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_release_could_not_end_ends_after_the_start_and_its_money_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = LiveReceiver::start().await;
    let (tenant, old, young) = hurt(&folder.path().join("data"), &receiver).await;

    let gateway = Gateway::on(folder, GatewayOptions::default()).await;

    let store = &gateway.server.folder().store;
    let ended = |task: Task| async move {
        eventually(&format!("the end of {}", task.id), || async {
            let task = store.get(&task.tenant, &task.id).await.unwrap();
            task.state.is_end().then_some(task)
        })
        .await
    };
    assert_eq!(ended(young.clone()).await.state, State::Completed);
    let old = ended(old).await;
    let account = store.account(&tenant).await.unwrap();
    assert_eq!((account.held, account.in_flight), (MicroUsd::ZERO, 0));
    assert_eq!(account.captured, MicroUsd(PRICE.0 + old.charged.0));
    assert_eq!(receiver.about(young.id.as_str(), 120).await.len(), 120);
    gateway.stop().await;
}
