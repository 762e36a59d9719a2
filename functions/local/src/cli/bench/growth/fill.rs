//! A folder with many completed tasks, written through the ports: as if they had run over the last
//! four weeks.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use fluxgate_core::digest::sha256;
use fluxgate_core::id::{IdempotencyKey, ModelId, RunId, TenantId};
use fluxgate_core::labels::Labels;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Admitted, Clock, Ids as _, Store, SystemClock, SystemEntropy};
use fluxgate_core::task::{
    Admission, Change, Finished, Idempotency, NewTask, Output, Signal, Step, Task, Via, transition,
};
use fluxgate_core::tenant::Archiving;
use fluxgate_core::time::Timestamp;
use tokio::task::JoinSet;

use super::super::children::{TOKEN_MS, add_tenant};
use super::super::{MODEL, inputs};
use crate::folder::DataFolder;

const DAY_MS: i64 = 86_400_000;
/// What a task needs from its submit to its end.
const RUN_MS: u64 = 2_000;
const PRICE: MicroUsd = MicroUsd(80_000);
/// Tasks that are written at once: as many share a commit.
const AT_ONCE: u64 = 512;
const HOUR_MS: u64 = 3_600_000;

/// The clock as it was when the first task was submitted.
struct Then(Timestamp);

impl Clock for Then {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The one tenant of a filled folder.
pub(super) fn tenant() -> Result<TenantId> {
    Ok(TenantId::parse("bench0")?)
}

/// Fills a new folder; a token of its tenant.
pub(super) async fn fill(path: &Path, tasks: u64) -> Result<String> {
    let folder = DataFolder::open(path)?;
    let tenant = tenant()?;
    let now = SystemClock.now();
    let since = Timestamp(now.0 - 28 * DAY_MS);
    let operator = folder.operator_at(Arc::new(Then(since)));
    add_tenant(&folder, &operator, &tenant, Archiving::On).await?;
    let store: Arc<dyn Store> = Arc::new(folder.store.clone());
    let history = History {
        tenant: tenant.clone(),
        model: ModelId::parse(MODEL)?,
        inputs: inputs().to_string(),
        since,
        now,
        tasks,
    };
    let history = Arc::new(history);
    let mut lanes = JoinSet::new();
    for lane in 0..AT_ONCE.min(tasks) {
        let (store, history) = (store.clone(), history.clone());
        lanes.spawn(async move {
            // Lanes take turns, so that tasks are written in about the order of their times.
            for n in (lane..tasks).step_by(AT_ONCE as usize) {
                history.write(&store, n).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.context("filling the folder failed")??;
    }
    folder.token(&tenant, TOKEN_MS).await
}

struct History {
    tenant: TenantId,
    model: ModelId,
    inputs: String,
    since: Timestamp,
    now: Timestamp,
    tasks: u64,
}

impl History {
    /// One task from its admission to its end.
    async fn write(&self, store: &Arc<dyn Store>, n: u64) -> Result<()> {
        let span_ms = self.now.0 - self.since.0 - DAY_MS;
        let passed_ms = i128::from(span_ms) * i128::from(n) / i128::from(self.tasks);
        let at = Timestamp(self.since.0 + i64::try_from(passed_ms)?);
        let admission = self.admission(n, at)?;
        let Admitted::New(task) = store.tasks().admit(admission).await? else {
            bail!("the key of task {n} was used before");
        };
        let at = at.plus_ms(RUN_MS);
        let finished = Signal::Finished(Finished {
            run: RunId::parse(&format!("{n:032x}"))?,
            via: Via::Webhook,
            sources: vec![format!("https://provider.invalid/{n}.png")],
            nsfw: vec![false],
            inference_ms: Some(900),
            note: None,
        });
        let task = apply(store, &task, finished, at).await?;
        let archived = Signal::Archived {
            outputs: vec![self.output(&task, n)],
        };
        apply(store, &task, archived, at).await.map(drop)
    }

    fn admission(&self, n: u64, at: Timestamp) -> Result<Admission> {
        let new = NewTask {
            tenant: self.tenant.clone(),
            id: SystemEntropy.task_id(at),
            model: self.model.clone(),
            price: PRICE,
            cost: PRICE,
            outputs_asked: 1,
            makes: None,
            callback: None,
            metadata: Labels::default(),
        };
        let Change { task, steps, .. } =
            transition(&Task::admitted(new, at), Signal::SubmitStarted, at)?;
        Ok(Admission {
            task,
            steps: [vec![Step::new(at, "admitted")], steps].concat(),
            inputs: self.inputs.clone().into(),
            idempotency: Some(Idempotency {
                key: IdempotencyKey::parse(&format!("history-{n}"))?,
                request: sha256(self.inputs.as_bytes()),
                expires_at: self.now.plus_ms(7 * 24 * HOUR_MS),
            }),
            tasks_in_flight_max: None,
            key_terms: None,
            watch_after_ms: HOUR_MS,
            wake_after_ms: None,
        })
    }

    fn output(&self, task: &Task, n: u64) -> Output {
        Output {
            bucket: format!("fluxgate-{}", self.tenant),
            key: format!("{}/0.png", task.id),
            sha256: format!("{n:064x}"),
            bytes: 50_000,
            content_type: "image/png".to_owned(),
            ..Output::default()
        }
    }
}

/// The next state, without the jobs that have long been done.
async fn apply(store: &Arc<dyn Store>, task: &Task, signal: Signal, at: Timestamp) -> Result<Task> {
    let mut change = transition(task, signal, at)?;
    change.jobs.clear();
    store.tasks().apply(&change).await?;
    Ok(change.task)
}
