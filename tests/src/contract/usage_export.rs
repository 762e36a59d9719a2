//! The export of usage over the stores, into a file.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use fluxgate_core::app::{Context, Exported, UsageExport};
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Clock as _, UsageSink as _};
use fluxgate_core::task::{Copied, Failure, Signal, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_embedded::FileUsageSink;
use serde_json::Value;
use tempfile::TempDir;

use super::tenant_store::{entry, tenant_named};
use super::{PRICE, Stores, archived, output};
use crate::Roles;
use crate::held_clock::HeldClock;

/// After this time no older task can appear.
pub(super) const SETTLE_MS: i64 = 10 * 60_000;

const FOR_EVER: Timestamp = Timestamp(i64::MAX);

/// An export into a file of its own.
pub(super) struct World {
    pub(super) stores: Stores,
    pub(super) clock: HeldClock,
    pub(super) export: Arc<UsageExport>,
    sink: Arc<FileUsageSink>,
    file: PathBuf,
    _folder: TempDir,
}

impl World {
    pub(super) fn over(stores: Stores) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, clock) = (folder.path().join("usage.jsonl"), HeldClock::now());
        let sink = Arc::new(FileUsageSink::open(&file).unwrap());
        let context = Context {
            clock: Arc::new(clock.clone()),
            ..Roles::over(&stores).context
        };
        let export = Arc::new(UsageExport::new(
            context,
            stores.cursors.clone(),
            sink.clone(),
        ));
        Self {
            stores,
            clock,
            export,
            sink,
            file,
            _folder: folder,
        }
    }

    pub(super) async fn export(&self, tenant: &TenantId) -> Exported {
        self.export.export(tenant, FOR_EVER).await.unwrap()
    }

    /// As if the process had died after the sink took the events and before the cursor was saved.
    pub(super) async fn export_and_forget(&self, tenant: &TenantId) {
        let before = self.cursor(tenant).await;
        self.export(tenant).await;
        let version = self.cursor(tenant).await.version + 1;
        let forgotten = UsageCursor { version, ..before };
        self.stores
            .cursors
            .save_cursor(self.sink.place(), tenant, &forgotten)
            .await
            .unwrap();
    }

    pub(super) async fn cursor(&self, tenant: &TenantId) -> UsageCursor {
        self.stores
            .cursors
            .cursor(self.sink.place(), tenant)
            .await
            .unwrap()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(&self.file)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn ids(&self) -> Vec<TaskId> {
        self.lines().iter().map(|line| id(line)).collect()
    }

    pub(super) async fn completed(&self, tenant: &TenantId) -> Task {
        let task = self.stores.archiving(tenant).await;
        self.stores.signal(&task, archived()).await
    }
}

pub(super) fn id(line: &str) -> TaskId {
    let event: Value = serde_json::from_str(line).unwrap();
    TaskId::parse(event["id"].as_str().unwrap()).unwrap()
}

pub async fn what_is_charged_is_told_once_and_nothing_else(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(9).await;
    let one = world.completed(&tenant).await;
    let failed = world.stores.admitted(&tenant).await;
    world
        .stores
        .signal(
            &failed,
            Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
        )
        .await;
    world.stores.admitted(&tenant).await;
    let two = world.completed(&tenant).await;

    let first = world.export(&tenant).await;
    let again = world.export(&tenant).await;
    world.clock.pass_ms(SETTLE_MS + 60_000);
    let settled = world.export(&tenant).await;

    assert_eq!(
        first,
        Exported {
            events: 2,
            charged: MicroUsd(2 * PRICE.0),
            complete: true
        }
    );
    assert_eq!((again.events, settled.events), (0, 0));
    assert_eq!(world.ids(), [one.id.clone(), two.id]);
    let event: Value = serde_json::from_str(&world.lines()[0]).unwrap();
    assert_eq!(event["source"], format!("/fluxgate/tenants/{tenant}"));
    assert_eq!(event["time"], one.since.rfc3339());
    assert_eq!(event["data"]["charged_micro_usd"], PRICE.0);
    assert_eq!(event["data"]["provider_run"], one.run.unwrap().as_str());
}

pub async fn a_charge_without_outputs_in_the_bucket_says_so_with_the_same_bytes_ever_after(
    stores: Stores,
) {
    let world = World::over(stores);
    let tenant = world.stores.funded(1).await;
    let task = world.stores.archiving(&tenant).await;
    let fault = Failure::new(5000, "role_denied", "text");
    let abandoned = Signal::ArchiveAbandoned {
        fault,
        expires_at: task.since.plus_ms(1),
    };
    let task = world.stores.signal(&task, abandoned).await;

    world.export_and_forget(&tenant).await;
    world
        .stores
        .signal(
            &task,
            Signal::Copied {
                copies: vec![Copied {
                    n: 0,
                    output: output(),
                }],
            },
        )
        .await;
    world.export(&tenant).await;

    let lines = world.lines();
    assert_eq!((lines.len(), &lines[0]), (2, &lines[1]));
    let data = serde_json::from_str::<Value>(&lines[0]).unwrap()["data"].clone();
    assert_eq!(
        (&data["archived"], &data["unarchived_reason"]),
        (&Value::Bool(false), &Value::from("role_denied"))
    );
    assert_eq!(
        (&data["outputs"], &data["charged_micro_usd"]),
        (&Value::from(1), &Value::from(PRICE.0))
    );
}

pub async fn an_export_that_was_not_remembered_tells_the_same_bytes_again_and_loses_none(
    stores: Stores,
) {
    let world = World::over(stores);
    let tenant = world.stores.funded(9).await;
    let between = world.stores.archiving(&tenant).await;
    for _ in 0..3 {
        world.completed(&tenant).await;
    }

    world.export_and_forget(&tenant).await;
    let told = world.lines();
    world.stores.signal(&between, archived()).await;
    world.export(&tenant).await;

    let (first, then) = (&world.lines()[..3], &world.lines()[3..]);
    assert_eq!(first, told);
    assert_eq!((id(&then[0]), &then[1..]), (between.id, first));
}

pub async fn what_the_sink_did_not_take_is_told_later(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(1).await;
    let task = world.completed(&tenant).await;
    // The sink does not write to a file that it did not create.
    std::fs::write(&world.file, "notes").unwrap();

    let error = world.export.export(&tenant, FOR_EVER).await.unwrap_err();
    let cursor = world.cursor(&tenant).await;
    std::fs::remove_file(&world.file).unwrap();
    world.export(&tenant).await;

    assert_eq!(
        (error.code, cursor),
        ("export_file_foreign", UsageCursor::default())
    );
    assert_eq!(world.ids(), [task.id]);
}

pub async fn several_exports_at_once_lose_nothing(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(30).await;
    let mut wanted = BTreeSet::new();
    for round in 0..3 {
        for _ in 0..8 {
            wanted.insert(world.completed(&tenant).await.id);
        }
        let mut exports = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (export, tenant) = (world.export.clone(), tenant.clone());
            exports.spawn(async move { export.export(&tenant, FOR_EVER).await.unwrap() });
        }
        exports.join_all().await;

        assert_eq!(
            world.ids().into_iter().collect::<BTreeSet<_>>(),
            wanted,
            "round {round}"
        );
        assert_eq!(
            world.export(&tenant).await.events,
            0,
            "each charge is exported once"
        );
        world.clock.pass_ms(SETTLE_MS / 2);
    }
}

pub async fn an_export_without_time_says_that_there_is_more(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(1).await;
    world.completed(&tenant).await;

    let none = world
        .export
        .export(&tenant, world.clock.now())
        .await
        .unwrap();
    let all = world.export(&tenant).await;

    assert_eq!(
        (none, all.events, all.complete),
        (Exported::default(), 1, true)
    );
}

pub async fn an_export_that_restarts_tells_the_same_again_and_other_places_have_their_own(
    stores: Stores,
) {
    let (world, other) = (World::over(stores.clone()), World::over(stores));
    let tenant = world.stores.funded(2).await;
    world.completed(&tenant).await;

    world.export(&tenant).await;
    other.export(&tenant).await;
    world.export.restart(&tenant).await.unwrap();
    world.completed(&tenant).await;
    let told = other.lines();
    world.export(&tenant).await;

    assert_eq!((told.len(), other.lines().len()), (1, 1));
    assert_eq!(
        (
            &world.lines()[..1],
            &world.lines()[1..2],
            world.lines().len()
        ),
        (&told[..], &told[..], 3)
    );
}

pub async fn a_tenant_is_exported_after_its_deletion(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(1).await;
    let record = tenant_named(&tenant);
    world
        .stores
        .tenants
        .create(&record, &entry(&tenant))
        .await
        .unwrap();
    world.completed(&tenant).await;
    let deleted = super::tenant_store::deletion(&tenant);
    world
        .stores
        .tenants
        .delete(&tenant, 1, &deleted)
        .await
        .unwrap();

    let since = async |since: i64| {
        world
            .export
            .tenants(Timestamp(since))
            .await
            .unwrap()
            .contains(&tenant)
    };

    assert!(since(deleted.at.0).await && !since(deleted.at.0 + 1).await);
    assert_eq!(world.export(&tenant).await.events, 1);
}

/// More tasks than one page holds; every seventh still runs. Only for a store that creates so many
/// quickly.
pub async fn many_pages_are_told_each_charge_once(stores: Stores) {
    let world = World::over(stores);
    let tenant = world.stores.funded(1_300).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1_300 {
        let (stores, tenant) = (world.stores.clone(), tenant.clone());
        tasks.spawn(async move {
            let task = stores.archiving(&tenant).await;
            if n % 7 == 0 {
                task
            } else {
                stores.signal(&task, archived()).await
            }
        });
    }
    let (running, completed): (Vec<Task>, Vec<Task>) = tasks
        .join_all()
        .await
        .into_iter()
        .partition(|task| !task.state.is_end());

    let first = world.export(&tenant).await;
    world.clock.pass_ms(SETTLE_MS + 60_000);
    let settled = world.export(&tenant).await;
    let cursor = world.cursor(&tenant).await;
    for task in &running {
        world.stores.signal(task, archived()).await;
    }
    let last = world.export(&tenant).await;

    assert_eq!(
        (first.events, settled.events, last.events),
        (completed.len(), 0, running.len())
    );
    assert_eq!((cursor.open.len(), cursor.told.len()), (running.len(), 0));
    assert_eq!(
        world.ids().into_iter().collect::<BTreeSet<_>>().len(),
        1_300
    );
    assert!(
        world.ids()[..completed.len()].is_sorted() && world.ids()[completed.len()..].is_sorted()
    );
}
