//! Events never block the end of a task: a fault while they are written delays the events alone.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_aws::dynamodb::{EndedTasksInTable, Table};
use fluxgate_aws::sqs::EndedTasks as _;
use fluxgate_core::id::EndpointId;
use fluxgate_core::task::{State, Task};
use fluxgate_core::webhook::{DeliveryState, Next, Target};
use fluxgate_tests::Roles;
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::delivery_store::attempted;
use fluxgate_tests::contract::telling::{run_failed, watch};
use fluxgate_tests::contract::{Stores, now};
use fluxgate_tests::faulty_aws::Fault;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::dynamodb::Bed;

fn unreadable_id() -> EndpointId {
    EndpointId::parse(&"f".repeat(32)).unwrap()
}

/// A database, into which the test writes rows that no current release writes.
fn on_sqlite() -> (Stores, Connection, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::on_sqlite(folder.path());
    let connection = Connection::open(folder.path().join("fluxgate.db")).unwrap();
    (stores, connection, folder)
}

/// A failed task whose events wait.
async fn untold(stores: &Stores, task: &Task) -> Task {
    let (task, told) = stores.told(task).await;
    assert_eq!((task.state, task.untold), (State::Failed, true));
    assert!(told.is_empty(), "{told:?}");
    stores.assert_released(&task.tenant).await;
    task
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_read_keeps_nobody_else_s_event() {
    let (stores, connection, _folder) = on_sqlite();
    let tenant = stores.funded(1).await;
    let good = stores.endpoint(&tenant).await.unwrap();
    connection
        .execute(
            "INSERT INTO endpoints (tenant, id, body) VALUES (?1, ?2, '{}')",
            params![tenant.as_str(), unreadable_id().as_str()],
        )
        .unwrap();
    let task = stores.admitted(&tenant).await;

    Roles::over(&stores)
        .receiver()
        .apply_signal(&tenant, &task.id, run_failed())
        .await
        .unwrap();

    let (ended, told) = stores.told(&task).await;
    assert_eq!((ended.state, ended.untold), (State::Failed, false));
    let (pending, held) = (DeliveryState::Pending, DeliveryState::Held);
    assert_eq!(
        told,
        [
            (Target::Endpoint(good.id), pending),
            (Target::Endpoint(unreadable_id()), held)
        ]
    );
    stores.assert_released(&tenant).await;
}

#[tokio::test]
async fn on_dynamodb_too_an_endpoint_that_cannot_be_read_keeps_nobody_else_s_event() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let good = bed.stores.endpoint(&tenant).await.unwrap();
    let text = |text: String| AttributeValue::S(text);
    let (pk, sk) = (
        format!("T#{tenant}"),
        format!("ENDPOINT#{}", unreadable_id()),
    );
    bed.put_raw([("pk", text(pk)), ("sk", text(sk))]).await;
    let task = bed.stores.admitted(&tenant).await;

    Roles::over(&bed.stores)
        .receiver()
        .apply_signal(&tenant, &task.id, run_failed())
        .await
        .unwrap();

    let (ended, told) = bed.stores.told(&task).await;
    assert_eq!((ended.state, ended.untold), (State::Failed, false));
    let (pending, held) = (DeliveryState::Pending, DeliveryState::Held);
    assert_eq!(
        told,
        [
            (Target::Endpoint(good.id), pending),
            (Target::Endpoint(unreadable_id()), held)
        ]
    );
    bed.stores.assert_released(&tenant).await;
}

#[tokio::test]
async fn a_delivery_that_cannot_be_written_with_the_end_follows_by_the_watch() {
    let (stores, connection, _folder) = on_sqlite();
    let tenant = stores.funded(1).await;
    let endpoint = stores.endpoint(&tenant).await.unwrap();
    let task = stores.admitted(&tenant).await;
    // A row of this id exists already.
    let taken = format!("{}-00", task.id);
    connection
        .execute(
            "INSERT INTO deliveries (tenant, task, id, version, body) VALUES (?1, 'another', ?2, 1, '{}')",
            params![tenant.as_str(), taken],
        )
        .unwrap();
    let roles = Roles::over(&stores);

    roles
        .receiver()
        .apply_signal(&tenant, &task.id, run_failed())
        .await
        .unwrap();
    let ended = untold(&stores, &task).await;
    // While the row exists, no event is sent and none is lost.
    roles.work(&watch(&task)).await.unwrap();
    assert_eq!(untold(&stores, &task).await, ended);
    connection
        .execute("DELETE FROM deliveries WHERE id = ?1", params![taken])
        .unwrap();
    roles.work(&watch(&task)).await.unwrap();

    let (told, places) = stores.told(&task).await;
    assert_eq!(
        told,
        Task {
            untold: false,
            version: ended.version + 1,
            ..ended
        }
    );
    assert_eq!(
        places,
        [(Target::Endpoint(endpoint.id), DeliveryState::Pending)]
    );
    stores.assert_released(&tenant).await;
}

#[tokio::test]
async fn endpoints_that_cannot_be_listed_are_told_by_the_watch() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let endpoint = bed.stores.endpoint(&tenant).await.unwrap();
    let task = bed.stores.admitted(&tenant).await;
    let over = EndedTasksInTable::new(Table::new(bed.ministack.aws().dynamodb(), TABLE));
    let roles = Roles::over(&bed.by_faulty);

    // As often as the SDK asks.
    bed.faulty.next("Query", [Fault::AnswerLost; 3]);
    roles
        .receiver()
        .apply_signal(&tenant, &task.id, run_failed())
        .await
        .unwrap();
    assert_eq!(bed.faulty.left(), 0);
    let ended = untold(&bed.stores, &task).await;
    assert!(
        !over.is_over(&tenant, &task.id).await.unwrap(),
        "its watch would die"
    );
    roles.work(&watch(&task)).await.unwrap();

    let (told, places) = bed.stores.told(&task).await;
    assert_eq!(
        told,
        Task {
            untold: false,
            version: ended.version + 1,
            ..ended
        }
    );
    assert_eq!(
        places,
        [(Target::Endpoint(endpoint.id), DeliveryState::Pending)]
    );
    assert!(
        !over.is_over(&tenant, &task.id).await.unwrap(),
        "nobody has tried its delivery"
    );
    let delivery = bed
        .stores
        .deliveries
        .of_task(&told)
        .await
        .unwrap()
        .remove(0);
    bed.stores
        .deliveries
        .update(&attempted(&delivery, 204, Next::Delivered), None)
        .await
        .unwrap();
    assert!(over.is_over(&tenant, &task.id).await.unwrap());
    bed.stores.assert_released(&tenant).await;
}

/// A release whose ids went no further than 99 wrote lists in which the last id is there several
/// times.
#[tokio::test]
async fn a_task_whose_deliveries_share_an_id_is_over_once_each_id_was_tried() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    Roles::over(&bed.stores)
        .receiver()
        .apply_signal(&tenant, &task.id, run_failed())
        .await
        .unwrap();
    let number = |number: i64| AttributeValue::N(number.to_string());
    let shared = |endpoint: char| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let endpoint = text(&endpoint.to_string().repeat(32));
        AttributeValue::L(vec![
            number(99),
            endpoint,
            text("task.failed"),
            text("pending"),
            number(now().0),
        ])
    };
    let text = |text: String| AttributeValue::S(text);
    let update = bed
        .ministack
        .aws()
        .dynamodb()
        .update_item()
        .table_name(TABLE);
    let update = update
        .key("pk", text(format!("T#{tenant}")))
        .key("sk", text(format!("TASK#{}", task.id)));
    let update = update.update_expression("SET deliveries = :shared");
    let shared = AttributeValue::L(vec![shared('a'), shared('b')]);
    update
        .expression_attribute_values(":shared", shared)
        .send()
        .await
        .unwrap();
    let over = EndedTasksInTable::new(Table::new(bed.ministack.aws().dynamodb(), TABLE));

    assert!(!over.is_over(&tenant, &task.id).await.unwrap());
    let (ended, _) = bed.stores.told(&task).await;
    let delivery = bed
        .stores
        .deliveries
        .of_task(&ended)
        .await
        .unwrap()
        .remove(0);
    bed.stores
        .deliveries
        .update(&attempted(&delivery, 500, Next::Exhausted), None)
        .await
        .unwrap();

    assert!(over.is_over(&tenant, &task.id).await.unwrap());
}
