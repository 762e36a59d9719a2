//! Every store in one DynamoDB table, designed for few and small writes: DynamoDB bills each
//! started kilobyte, and twice as much in a transaction. The layout is in `key.rs`, a task's item
//! in `task_item.rs`.

mod account;
mod account_reads;
mod admit;
mod alert_store;
mod allowance;
mod api_key_store;
mod apply;
mod apply_each;
mod attribute;
mod batch_store;
mod books;
mod budgeted;
mod catalogue_store;
mod corrections;
mod day_attributes;
mod day_record;
mod day_store;
mod deletion;
mod delivery_item;
mod delivery_key;
mod delivery_list;
mod delivery_merge;
mod delivery_reads;
mod delivery_store;
mod delivery_write;
mod ended;
mod endpoint_store;
mod endpoint_url;
mod error;
mod fair_queue_store;
mod idempotency;
mod input_key_store;
mod inputs;
mod json_item;
mod key;
mod key_use;
mod ledger;
mod movements;
mod open_task_store;
mod output_attributes;
mod packs;
mod rate_store;
mod recent_tenants;
mod restoration_store;
mod retention;
mod schema;
mod set_budget;
mod standing;
mod step_item;
mod stored_text;
mod submit_attributes;
mod table;
mod task_item;
#[cfg(test)]
mod task_item_tests;
mod task_store;
mod tenant_store;
mod transact;
mod trust_snapshots;
mod usage_cursors;
mod write;

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use fluxgate_core::Result;
use fluxgate_core::port::Queue;

pub use ended::EndedTasksInTable;
pub use key::{EXPIRES_AT, PK, SK};
pub use table::Table;

/// Implements every store port. Jobs go to the given queue: the watch before a task is written, all
/// others after.
#[derive(Clone)]
pub struct DynamoStore {
    table: Table,
    queue: Arc<dyn Queue>,
    budgeted: budgeted::Budgeted,
    trust_snapshots: trust_snapshots::TrustSnapshots,
    recent_tenants: Arc<recent_tenants::RecentTenants>,
    input_keys: Arc<input_key_store::InputKeys>,
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamoStore").field(&self.table).finish()
    }
}

impl DynamoStore {
    /// Does not connect yet. The keys of inputs lie in a table of their own, which has no backups.
    pub fn new(table: Table, keys: Table, queue: Arc<dyn Queue>) -> Self {
        Self {
            table,
            input_keys: Arc::new(input_key_store::InputKeys::in_table(keys)),
            queue,
            budgeted: budgeted::Budgeted::default(),
            trust_snapshots: trust_snapshots::TrustSnapshots::default(),
            recent_tenants: Arc::default(),
        }
    }

    fn days(&self) -> &day_record::Days {
        &self.table.standing.days
    }

    /// Like `new`, once the table is known to have this release's schema: see
    /// [`DynamoStore::check_schema`].
    pub async fn open(
        client: Client,
        table: impl Into<String>,
        keys: impl Into<String>,
        queue: Arc<dyn Queue>,
    ) -> Result<Self> {
        let keys = Table::new(client.clone(), keys);
        let store = Self::new(Table::new(client, table), keys, queue);
        store.check_schema().await?;
        Ok(store)
    }
}
