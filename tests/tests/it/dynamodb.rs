//! What is DynamoDB's alone: the size of a task's item, its layout, pages and the schema's version.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use fluxgate_aws::dynamodb::{DynamoStore, EndedTasksInTable, Table};
use fluxgate_aws::sqs::EndedTasks as _;
use fluxgate_core::id::{DeliveryId, EndpointId, IdempotencyKey};
use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::port::{AccountStore as _, Admitted, DeliveryStore as _, TaskStore as _};
use fluxgate_core::task::{Idempotency, Signal, State, Task, Via, transition};
use fluxgate_core::webhook::{Delivery, DeliveryState, EventType, Next, Target};
use fluxgate_core::{Error, Kind};
use fluxgate_tests::aws_stores::{KEYS_TABLE, TABLE};
use fluxgate_tests::contract::delivery_store::attempted;
use fluxgate_tests::contract::{Stores, admission, archived, finished, fresh_run, now};
use fluxgate_tests::faulty_aws::FaultyAws;
use fluxgate_tests::{AwsStores, Ministack};

/// One table, and a faulty way to it.
pub(super) struct Bed {
    pub(super) direct: AwsStores,
    pub(super) stores: Stores,
    pub(super) faulty: FaultyAws,
    pub(super) by_faulty: Stores,
    pub(super) ministack: Ministack,
}

impl Bed {
    pub(super) async fn start() -> Self {
        let ministack = Ministack::start().await;
        let direct = AwsStores::on(&ministack).await;
        let faulty = FaultyAws::before(&ministack).await;
        let by_faulty = direct.by_way_of(&faulty.aws).await.stores();
        Self {
            stores: direct.stores(),
            direct,
            faulty,
            by_faulty,
            ministack,
        }
    }

    pub(super) fn store(&self) -> &DynamoStore {
        &self.direct.store
    }

    pub(super) async fn put_raw(
        &self,
        item: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) {
        let mut put = self.ministack.aws().dynamodb().put_item().table_name(TABLE);
        for (name, value) in item {
            put = put.item(name, value);
        }
        put.send().await.unwrap();
    }

    async fn open_again(&self) -> Result<DynamoStore, Error> {
        DynamoStore::open(
            self.ministack.aws().dynamodb(),
            TABLE,
            KEYS_TABLE,
            self.direct.queue.clone(),
        )
        .await
    }
}

pub(super) fn key(text: &str) -> Option<Idempotency> {
    let key = IdempotencyKey::parse(text).unwrap();
    Some(Idempotency {
        key,
        request: [1; 32],
        expires_at: now().plus_ms(60_000),
    })
}

/// Completes a task with two deliveries, the second held.
pub(super) async fn delivered_to_two(bed: &Bed, task: &Task) -> Vec<Delivery> {
    let endpoint = EndpointId::parse(&"e".repeat(32)).unwrap();
    let mut change = transition(task, archived(), now()).unwrap();
    let delivery = |n, target| {
        task.delivery(
            DeliveryId::of(&task.id, n),
            EventType::TaskCompleted,
            target,
            now(),
        )
    };
    change.deliver(delivery(0, Target::TaskCallback));
    change.deliveries.push(Delivery {
        state: DeliveryState::Held,
        ..delivery(1, Target::Endpoint(endpoint))
    });
    bed.store().apply(&change).await.unwrap();
    change.deliveries
}

#[tokio::test]
async fn a_delivery_lies_with_its_task_until_it_is_tried() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.archiving(&tenant).await;
    let deliveries = delivered_to_two(&bed, &task).await;
    let over = EndedTasksInTable::new(Table::new(bed.ministack.aws().dynamodb(), TABLE));
    assert_eq!(bed.store().of_task(&task).await.unwrap(), deliveries);
    assert!(
        !over.is_over(&tenant, &task.id).await.unwrap(),
        "nobody has tried its first delivery"
    );

    let tried = attempted(&deliveries[0], 503, Next::RetryAt(now()));
    bed.store().update(&tried, None).await.unwrap();

    assert_eq!(
        bed.store().of_task(&task).await.unwrap(),
        [tried.clone(), deliveries[1].clone()]
    );
    assert!(
        !over.is_over(&tenant, &task.id).await.unwrap(),
        "it is to be tried again, and a queue may be purged"
    );
    let told = attempted(&tried, 204, Next::Delivered);
    bed.store().update(&told, None).await.unwrap();
    assert!(over.is_over(&tenant, &task.id).await.unwrap());
}

/// DynamoDB is most of the cost of a task, and every task pays for these units.
#[tokio::test]
async fn an_ordinary_task_with_one_delivery_costs_twelve_write_units_and_a_key_one_more() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    for (idempotency, units) in [(None, 12), (key("k"), 13)] {
        let before = bed.faulty.write_units();
        let mut admission = admission(&tenant);
        admission.idempotency = idempotency;
        let run = fresh_run();

        let task = bed.by_faulty.admit(admission).await.unwrap();
        let submitted = Signal::Accepted {
            run: run.clone(),
            via: Via::Submit,
        };
        let task = bed.by_faulty.signal(&task, submitted).await;
        let task = bed.by_faulty.signal(&task, finished(run)).await;
        let mut change = transition(&task, archived(), now()).unwrap();
        let id = DeliveryId::of(&task.id, 0);
        change.deliver(task.delivery(
            id.clone(),
            EventType::TaskCompleted,
            Target::TaskCallback,
            now(),
        ));
        bed.by_faulty.tasks.apply(&change).await.unwrap();
        let (delivery, _) = bed.by_faulty.deliveries.get(&tenant, &id).await.unwrap();
        bed.by_faulty
            .deliveries
            .update(&attempted(&delivery, 204, Next::Delivered), None)
            .await
            .unwrap();

        assert_eq!(bed.faulty.write_units() - before, units);
    }
}

#[tokio::test]
async fn a_task_without_a_price_moves_no_money_and_needs_no_account() {
    let bed = Bed::start().await;
    let tenant = fluxgate_tests::contract::fresh_tenant();
    let mut free = admission(&tenant);
    free.task.price = MicroUsd::ZERO;
    let task = free.task.clone();

    assert!(matches!(
        bed.store().admit(free.clone()).await.unwrap(),
        Admitted::New(_)
    ));
    assert!(matches!(
        bed.store().admit(free).await.unwrap(),
        Admitted::New(_)
    ));
    let task = bed.stores.signal(&task, finished(fresh_run())).await;
    let task = bed.stores.signal(&task, archived()).await;

    assert_eq!(task.state, State::Completed);
    let ledger = bed.store().ledger(&tenant).await.unwrap();
    assert_eq!(
        ledger
            .iter()
            .map(|entry| (entry.kind, entry.amount))
            .collect::<Vec<_>>(),
        [(EntryKind::Hold, MicroUsd::ZERO)]
    );
}

#[tokio::test]
async fn an_account_does_not_overflow() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;

    let error = bed
        .stores
        .top_up(&tenant, MicroUsd(i64::MAX), "all")
        .await
        .unwrap_err();

    assert_eq!((error.kind, error.code), (Kind::Invalid, "invalid_amount"));
    assert_eq!(bed.store().ledger(&tenant).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_ledger_and_a_list_of_many_pages_are_whole() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    // Each item is 300 KB, and DynamoDB answers with 1 MB at most.
    for n in 0..8 {
        let sk = format!("TASK#{n:032x}");
        let item = [
            ("pk", AttributeValue::S(format!("T#{tenant}"))),
            ("sk", AttributeValue::S(sk)),
            ("version", AttributeValue::N("1".to_owned())),
            ("model", AttributeValue::S("a/b".to_owned())),
            ("state", AttributeValue::S("admitted".to_owned())),
            ("price", AttributeValue::N("0".to_owned())),
            ("submits", AttributeValue::N("0".to_owned())),
            ("created_at", AttributeValue::N(n.to_string())),
            ("since", AttributeValue::N(n.to_string())),
            ("steps", AttributeValue::L(Vec::new())),
            ("weight", AttributeValue::S("x".repeat(300_000))),
        ];
        bed.put_raw(item).await;
    }

    let tasks = bed.stores.tasks.list(&tenant, None, 100).await.unwrap();

    assert_eq!(tasks.len(), 8);
    assert_eq!(
        bed.stores
            .tasks
            .list(&tenant, Some(&tasks[2].id), 2)
            .await
            .unwrap(),
        tasks[3..5]
    );
    assert_eq!(bed.store().ledger(&tenant).await.unwrap().len(), 1 + 8);
}

#[tokio::test]
async fn a_table_of_another_schema_version_is_refused_and_a_missing_one_is_named() {
    let bed = Bed::start().await;
    bed.open_again().await.unwrap();
    let version = |version: &str| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        [
            ("pk", text("FLUXGATE")),
            ("sk", text("SCHEMA")),
            ("version", AttributeValue::N(version.to_owned())),
        ]
    };

    bed.put_raw(version("2")).await;
    let other = bed.open_again().await.unwrap_err();
    let queue = bed.direct.queue.clone();
    let missing = DynamoStore::open(bed.ministack.aws().dynamodb(), "nowhere", KEYS_TABLE, queue)
        .await
        .unwrap_err();

    assert_eq!(other.code, "schema_version");
    assert!(
        other.message.contains("version 2") && other.message.contains("knows 1"),
        "{other}"
    );
    assert_eq!(missing.code, "table_missing");
    assert!(missing.message.contains("'nowhere'"), "{missing}");
}

/// An operator may name any table of the account.
#[tokio::test]
async fn a_table_with_other_keys_is_refused_as_none_of_fluxgate_s() {
    let bed = Bed::start().await;
    let dynamodb = bed.ministack.aws().dynamodb();
    let id = AttributeDefinition::builder().attribute_name("id");
    let id = id.attribute_type(ScalarAttributeType::S).build().unwrap();
    let key = KeySchemaElement::builder().attribute_name("id");
    let key = key.key_type(KeyType::Hash).build().unwrap();
    let create = dynamodb.create_table().table_name("orders");
    let create = create.billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(id).key_schema(key);
    create.send().await.unwrap();

    let queue = bed.direct.queue.clone();
    let error = DynamoStore::open(dynamodb, "orders", "orders-keys", queue).await;

    let error = error.unwrap_err();
    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "table_foreign")
    );
    assert!(
        error.message.contains("other keys than pk and sk"),
        "{error}"
    );
}

#[tokio::test]
async fn jobs_that_cannot_be_sent_do_not_undo_the_change() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let nowhere = bed.direct.without_queues(bed.ministack.aws());

    nowhere
        .apply(&transition(&task, finished(fresh_run()), now()).unwrap())
        .await
        .unwrap();
    let refused = nowhere.admit(admission(&tenant)).await.unwrap_err();

    assert_eq!(
        bed.stores.tasks.get(&tenant, &task.id).await.unwrap().state,
        State::Archiving
    );
    assert_eq!(
        bed.stores
            .tasks
            .list(&tenant, None, 10)
            .await
            .unwrap()
            .len(),
        1,
        "{refused}"
    );
}
