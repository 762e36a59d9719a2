//! What the ports promise, as plain async functions that every adapter runs. A suite may share its
//! table with others: each function works on tenants of its own.

pub mod account_store;
pub mod alerts;
pub mod api_keys;
pub mod batch_store;
pub mod books;
pub mod books_reader;
pub mod budgets;
pub mod budgets_at_once;
pub mod budgets_in_mid_month;
pub mod captures;
pub mod catalogue_store;
pub mod change_jobs;
pub mod corrections;
pub mod cut_off;
pub mod day_fills;
pub mod day_sums;
pub mod dead_letters;
pub mod deletion;
pub mod delivery_lists;
pub mod delivery_store;
pub mod endpoint_store;
pub mod expiry;
pub mod fair_queue_store;
pub mod idempotency_keys;
pub mod in_flight;
pub mod inboxes;
pub mod input_keys;
pub mod late_usage;
pub mod ledger;
pub mod missed_deliveries;
pub mod notices;
pub mod open_tasks;
pub mod queue;
pub mod removal_passes;
pub mod request_rates;
pub mod restorations;
pub mod retention;
pub mod statements;
pub mod task_lists;
pub mod task_outputs;
pub mod task_store;
pub mod task_store_changes;
pub mod telling;
pub mod tenant_store;
pub mod trusts;
pub mod usage_cursors;
pub mod usage_export;
pub mod usage_told;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fluxgate_core::Result;
use fluxgate_core::id::{ModelId, RunId, TaskId, TenantId};
use fluxgate_core::media::MediaKind;
use fluxgate_core::money::{Account, MicroUsd};
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{
    AccountStore, Admitted, ApiKeyStore, Clock as _, DeliveryStore, EndpointStore, FairQueueStore,
    Ids as _, Queue, Store, SystemClock, TaskStore, TenantStore, UsageCursors,
};
use fluxgate_core::task::{
    Admission, Finished, NewTask, Output, Signal, Step, Task, Via, transition,
};
use fluxgate_core::tenant::{AuditAction, AuditEntry};
use fluxgate_core::time::Timestamp;
use fluxgate_embedded::SqliteStore;

/// The adapters under test, all on one store.
#[derive(Clone)]
pub struct Stores {
    /// The whole; what follows are its parts.
    pub store: Arc<dyn Store>,
    pub tasks: Arc<dyn TaskStore>,
    pub accounts: Arc<dyn AccountStore>,
    pub keys: Arc<dyn ApiKeyStore>,
    pub tenants: Arc<dyn TenantStore>,
    pub endpoints: Arc<dyn EndpointStore>,
    pub deliveries: Arc<dyn DeliveryStore>,
    pub fair_queue: Arc<dyn FairQueueStore>,
    pub queue: Arc<dyn Queue>,
    pub cursors: Arc<dyn UsageCursors>,
}

pub const PRICE: MicroUsd = MicroUsd(80_000);

pub fn now() -> Timestamp {
    SystemClock.now()
}

/// A tenant that no other function of a suite uses.
pub fn fresh_tenant() -> TenantId {
    TenantId::parse(&format!("t{}", SystemEntropy.id32(now()))).expect("a valid id")
}

pub fn fresh_run() -> RunId {
    RunId::parse(&SystemEntropy.id32(now())).expect("a valid id")
}

pub fn fresh_task_id() -> TaskId {
    SystemEntropy.task_id(moment_of_its_own())
}

/// A moment that no call before has returned: what is made at it follows, by id too, what was made
/// before. Ids of one millisecond come in any order.
fn moment_of_its_own() -> Timestamp {
    static LAST: Mutex<Timestamp> = Mutex::new(Timestamp(0));
    let mut last = LAST.lock().expect("nobody panics with it");
    while now() <= *last {
        std::thread::sleep(Duration::from_micros(100));
    }
    *last = now();
    *last
}

/// What the gateway admits: a task on its way to the provider, after those admitted before.
pub fn admission(tenant: &TenantId) -> Admission {
    admission_at(tenant, moment_of_its_own())
}

/// The same at another time.
pub fn admission_at(tenant: &TenantId, now: Timestamp) -> Admission {
    let new = NewTask {
        tenant: tenant.clone(),
        id: SystemEntropy.task_id(now),
        model: ModelId::parse("wavespeed-ai/flux-kontext-max").expect("a valid id"),
        price: PRICE,
        cost: MicroUsd(60_000),
        outputs_asked: 1,
        makes: Some(MediaKind::Picture),
        callback: None,
        metadata: fluxgate_core::labels::Labels::default(),
    };
    let started = transition(&Task::admitted(new, now), Signal::SubmitStarted, now)
        .expect("a new task can be submitted");
    Admission {
        task: started.task,
        steps: vec![Step::new(now, "admitted"), Step::new(now, "submit_started")],
        inputs: r#"{"prompt":"x"}"#.into(),
        idempotency: None,
        tasks_in_flight_max: None,
        key_terms: None,
        watch_after_ms: 600_000,
        wake_after_ms: None,
    }
}

impl Stores {
    /// Those of a database in this folder.
    pub fn on_sqlite(folder: &Path) -> Self {
        Self::on(
            SqliteStore::open(folder, Arc::new(SystemClock)).expect("the folder can be written"),
        )
    }

    /// Those of one open database.
    pub fn on(store: SqliteStore) -> Self {
        let store = Arc::new(store);
        Self::of(store.clone(), store.clone(), store)
    }

    /// Those of one store with its queue and its cursors.
    pub fn of<S: Store + 'static>(
        store: Arc<S>,
        queue: Arc<dyn Queue>,
        cursors: Arc<dyn UsageCursors>,
    ) -> Self {
        Self {
            store: store.clone(),
            tasks: store.clone(),
            accounts: store.clone(),
            keys: store.clone(),
            tenants: store.clone(),
            endpoints: store.clone(),
            deliveries: store.clone(),
            fair_queue: store,
            queue,
            cursors,
        }
    }

    /// A tenant with money for `runs` runs.
    pub async fn funded(&self, runs: i64) -> TenantId {
        let tenant = fresh_tenant();
        let amount = MicroUsd(PRICE.0 * runs);
        self.top_up(&tenant, amount, "first")
            .await
            .expect("a first top-up");
        tenant
    }

    /// Adds money now.
    pub async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
    ) -> Result<Account> {
        let entry = AuditEntry {
            action: AuditAction::AccountToppedUp,
            ..tenant_store::entry(tenant)
        };
        self.accounts
            .top_up(tenant, amount, reference, &entry)
            .await
    }

    /// An admitted task of a tenant with money.
    pub async fn admitted(&self, tenant: &TenantId) -> Task {
        self.admit(admission(tenant)).await.expect("there is money")
    }

    /// The task as the store wrote it.
    pub async fn admit(&self, admission: Admission) -> Result<Task> {
        match self.tasks.admit(admission).await? {
            Admitted::New(task) => Ok(*task),
            Admitted::Existing(task) => panic!("{} is not new", task.id),
        }
    }

    /// Brings a signal to a task and writes the change.
    pub async fn signal(&self, task: &Task, signal: Signal) -> Task {
        let change = transition(task, signal, now()).expect("the signal applies");
        self.tasks
            .apply(&change)
            .await
            .expect("nobody else changes the task");
        change.task
    }

    /// A task whose outputs are to be archived.
    pub async fn archiving(&self, tenant: &TenantId) -> Task {
        let task = self.admitted(tenant).await;
        self.signal(&task, finished(fresh_run())).await
    }
}

pub fn finished(run: RunId) -> Signal {
    Signal::Finished(Finished {
        run,
        via: Via::Webhook,
        sources: vec!["https://cdn.example/1.png".to_owned()],
        nsfw: vec![false],
        inference_ms: Some(12),
        note: None,
    })
}

pub fn output() -> Output {
    Output {
        bucket: "b".to_owned(),
        key: "0.png".to_owned(),
        sha256: "5f".repeat(32),
        bytes: 1,
        content_type: "image/png".to_owned(),
        store: Some("https://s3.example".to_owned()),
        url: Some("https://cdn.example/0.png".to_owned()),
    }
}

pub fn archived() -> Signal {
    Signal::Archived {
        outputs: Vec::new(),
    }
}
