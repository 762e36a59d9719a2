//! The AWS adapters, wired as the functions wire them.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use fluxgate_aws::AwsSettings;
use fluxgate_aws::dynamodb::{DynamoStore, EndedTasksInTable, Table};
use fluxgate_aws::sqs::{QueueUrls, SqsQueue, SqsSettings};
use fluxgate_core::port::SystemClock;
use fluxgate_core::port::SystemEntropy;

use crate::Ministack;
use crate::contract::Stores;

/// The table's name.
pub const TABLE: &str = "fluxgate";
/// That of the table of keys.
pub const KEYS_TABLE: &str = "fluxgate-keys";

/// One store on a table and queues of its own.
pub struct AwsStores {
    pub store: DynamoStore,
    pub queue: Arc<SqsQueue>,
    pub queues: SqsSettings,
}

impl AwsStores {
    /// On new queues and a new table.
    pub async fn on(ministack: &Ministack) -> Self {
        create_table(ministack.aws(), TABLE).await;
        create_table(ministack.aws(), KEYS_TABLE).await;
        Self::on_table(ministack).await
    }

    /// On new queues and a table that is there.
    pub async fn on_table(ministack: &Ministack) -> Self {
        Self::connected(ministack.aws(), ministack.queues().await).await
    }

    /// The same table and queues by another way.
    pub async fn by_way_of(&self, aws: &AwsSettings) -> Self {
        Self::connected(aws, self.queues.clone()).await
    }

    /// The same table, and queues that are not there.
    pub fn without_queues(&self, aws: &AwsSettings) -> DynamoStore {
        let nowhere = SqsSettings {
            queues: QueueUrls::default(),
            ..self.queues.clone()
        };
        let queue = SqsQueue::new(
            aws.sqs(),
            nowhere,
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let keys = Table::new(aws.dynamodb(), KEYS_TABLE);
        DynamoStore::new(Table::new(aws.dynamodb(), TABLE), keys, Arc::new(queue))
    }

    async fn connected(aws: &AwsSettings, queues: SqsSettings) -> Self {
        let ended_tasks = EndedTasksInTable::new(Table::new(aws.dynamodb(), TABLE));
        let queue = SqsQueue::new(
            aws.sqs(),
            queues.clone(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let queue = Arc::new(queue.with_ended_tasks(Arc::new(ended_tasks)));
        let opening = DynamoStore::open(aws.dynamodb(), TABLE, KEYS_TABLE, queue.clone());
        let store = opening.await.expect("the table is there");
        Self {
            store,
            queue,
            queues,
        }
    }

    pub fn stores(&self) -> Stores {
        let store = Arc::new(self.store.clone());
        Stores::of(store.clone(), self.queue.clone(), store)
    }
}

/// A table as the stack's template makes it.
pub async fn create_table(aws: &AwsSettings, name: &str) {
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        attribute.build().expect("name and type are set")
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .expect("name and type are set")
    };
    aws.dynamodb()
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .send()
        .await
        .expect("the table is new");
}
