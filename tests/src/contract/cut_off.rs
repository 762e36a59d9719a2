//! What the operator does to many tasks, cut off between any two of its steps as by a SIGKILL, and
//! begun again: it ends as one that nobody cut off.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

use fluxgate_core::Kind;
use fluxgate_core::app::{Deletion, Erasure, OperatorTasks};
use fluxgate_core::batch::{BatchChunk, BatchLine, LineResult};
use fluxgate_core::id::{DeliveryId, IdempotencyKey, TenantId};
use fluxgate_core::port::Clock;
use fluxgate_core::task::{Admission, State, Task, transition};
use fluxgate_core::tenant::Actor;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{EventType, Next, Target};

use super::delivery_store::attempted;
use super::tenant_store::tenant_with_bucket;
use super::{Stores, admission, archived, batch_store, now};
use crate::roles::Roles;

const SECRET: &str = "a private prompt";

/// Does it until it has waited for something so often, and then never again: what it was about to
/// do does not happen. `None` if it was cut off.
pub async fn cut_off<T>(waits: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut waited) = (pin!(work), 0);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// Each number of waits at first, and then fewer of them.
fn later(waits: usize) -> usize {
    waits + 1 + waits / 12
}

fn actor() -> Actor {
    Actor::new("the operator")
}

/// A tenant with money and a batch that goes on.
async fn tenant_with_batch(stores: &Stores) -> TenantId {
    let tenant = stores.funded(8).await;
    tenant_with_bucket(stores, &tenant, "b").await;
    let batch = batch_store::batch(&tenant, Some("a private key"));
    batch_store::put(stores, &batch, [1, 7]).await;
    batch_store::create(stores, &batch).await;
    tenant
}

/// The names of a task's steps.
async fn steps(stores: &Stores, task: &Task) -> Vec<String> {
    let timeline = stores.tasks.timeline(&task.tenant, &task.id);
    let steps = timeline.await.unwrap().into_iter();
    steps.map(|step| step.name).collect()
}

fn count(steps: &[String], name: &str) -> usize {
    steps.iter().filter(|step| *step == name).count()
}

pub async fn a_restoration_that_is_cut_off_anywhere_ends_as_one_that_is_not(stores: Stores) {
    let roles = Roles::over(&stores);
    let (mut sent, mut known, mut tenants) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        let tenant = tenant_with_batch(&stores).await;
        for _ in 0..3 {
            sent.push(stores.admitted(&tenant).await);
        }
        known.push(stores.archiving(&tenant).await);
        tenants.push(tenant);
    }

    let mut waits = 0;
    while cut_off(waits, roles.restoration().doubt()).await.is_none() {
        waits = later(waits);
    }
    let whole = roles.restoration().doubt().await.unwrap();

    assert!(waits > 5, "it was cut off");
    // What is in doubt is doubted again.
    assert_eq!((whole.tasks, whole.batches), (sent.len(), 0));
    for before in sent {
        let task = stores.tasks.get(&before.tenant, &before.id).await.unwrap();
        assert_eq!((task.state, task.price), (State::Unknown, before.price));
        assert_eq!(task.doubt.map(|doubt| doubt.begun), Some(before.since));
        assert!(count(&steps(&stores, &task).await, "restored") > 0);
    }
    for before in known {
        let task = stores.tasks.get(&before.tenant, &before.id).await.unwrap();
        assert_eq!(task, before, "its run is known");
    }
    for tenant in tenants {
        let batches = stores.store.batches().list_batches(&tenant, None, 2);
        let batches = batches.await.unwrap();
        assert!(batches.iter().all(|batch| batch.cancelled_at.is_some()));
        let account = stores.accounts.account(&tenant).await.unwrap();
        assert_eq!(account.held.0, 4 * super::PRICE.0);
    }
}

/// A completed task with a private prompt, whose receiver answered in private words.
async fn told(stores: &Stores, tenant: &TenantId) -> Task {
    let new = admission(tenant);
    let task = stores
        .admit(Admission {
            inputs: format!("{{\"prompt\":\"{SECRET}\"}}").into(),
            ..new
        })
        .await
        .unwrap();
    let run = super::finished(super::fresh_run());
    let task = stores.signal(&task, run).await;
    let mut change = transition(&task, archived(), now()).unwrap();
    let id = DeliveryId::of(&task.id, 0);
    let delivery = task.delivery(id, EventType::TaskCompleted, Target::TaskCallback, now());
    change.deliver(delivery.clone());
    stores.tasks.apply(&change).await.unwrap();
    let mut tried = attempted(&delivery, 410, Next::Exhausted);
    for attempt in &mut tried.attempts {
        attempt.body = Some(SECRET.to_owned());
    }
    stores.deliveries.update(&tried, None).await.unwrap();
    change.task
}

/// Takes steps until none is left, or until the next one would have to wait.
async fn erase(tasks: &OperatorTasks, tenant: &TenantId) {
    let (mut cursor, by) = (None, actor());
    loop {
        let erasure = Erasure::default();
        let step = tasks.erase(tenant, erasure, cursor.as_deref(), &by);
        let step = step.await.unwrap();
        assert_eq!(step.running, 0);
        cursor = step.next;
        if cursor.is_none() || step.wait_ms > 0 {
            return;
        }
    }
}

pub async fn an_erasure_that_is_cut_off_anywhere_ends_as_one_that_is_not(stores: Stores) {
    let roles = Roles::over(&stores);
    let (operator, _) = roles.operator_tasks();
    let mut waits = 0;
    loop {
        let tenant = tenant_with_batch(&stores).await;
        let tasks = [told(&stores, &tenant).await, told(&stores, &tenant).await];
        let ledger = stores.accounts.ledger(&tenant).await.unwrap();

        let cut = Box::pin(cut_off(waits, erase(&operator, &tenant))).await;
        Box::pin(erase(&operator, &tenant)).await;

        for task in &tasks {
            let erased = stores.tasks.get(&tenant, &task.id).await.unwrap();
            assert!(erased.deleted.is_some(), "cut off after {waits}");
            assert_eq!(stores.tasks.inputs(&tenant, &task.id).await.unwrap(), "{}");
            assert_eq!(count(&steps(&stores, &erased).await, "deleted"), 1);
            let answers = stores.deliveries.of_task(&erased).await.unwrap();
            assert_eq!(answers[0].attempts[0].status, Some(410));
            assert!(!format!("{answers:?}").contains(SECRET), "{waits}");
        }
        let store = stores.store.batches();
        let batch = store
            .list_batches(&tenant, None, 2)
            .await
            .unwrap()
            .remove(0);
        let chunk = store.chunk_after(&tenant, &batch.id, 0).await.unwrap();
        let references = chunk.unwrap().lines.into_iter();
        assert!(batch.erased && batch.key.is_none(), "{waits}: {batch:?}");
        assert!(references.map(|line| line.reference).all(|it| it.is_none()));
        let key = IdempotencyKey::parse("a private key").unwrap();
        assert_eq!(store.batch_of_key(&tenant, &key).await.unwrap(), None);
        assert_eq!(stores.accounts.ledger(&tenant).await.unwrap(), ledger);
        if cut.is_some() {
            break;
        }
        waits = later(waits);
    }
    assert!(waits > 5, "it was cut off");
}

/// What is left of its batches expires.
pub async fn a_deletion_of_a_tenant_that_is_cut_off_anywhere_is_whole_or_was_not_begun(
    stores: Stores,
) {
    let operator = Roles::over(&stores).operator();
    let by = actor();
    let deletion = Deletion {
        forget_balance: true,
    };
    let mut waits = 0;
    loop {
        let tenant = tenant_with_batch(&stores).await;
        let task = told(&stores, &tenant).await;

        let deleting = operator.delete(&tenant, deletion, &by);
        let cut = Box::pin(cut_off(waits, deleting)).await;
        let again = operator.delete(&tenant, deletion, &by).await;

        if let Err(error) = again {
            assert_eq!(error.kind, Kind::NotFound, "{error}");
        }
        let gone = stores.tenants.get(&tenant).await.unwrap_err();
        assert_eq!(gone.kind, Kind::NotFound, "cut off after {waits}");
        let books = stores.tasks.get(&tenant, &task.id).await.unwrap();
        assert_eq!(books.charged, super::PRICE);
        if cut.is_some() {
            break;
        }
        waits = later(waits);
    }
    assert!(waits > 2, "it was cut off");
}

/// Each look at it takes a second.
struct SlowClock(AtomicI64);

impl Clock for SlowClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

/// A batch of one line that became this task.
async fn batch_with(stores: &Stores, task: &Task) {
    let mut batch = batch_store::batch(&task.tenant, None);
    (batch.lines, batch.admitted) = (1, 1);
    let line = BatchLine {
        line: 1,
        reference: Some(SECRET.to_owned()),
        result: LineResult::Admitted {
            task: task.id.clone(),
        },
    };
    let chunk = BatchChunk { lines: vec![line] };
    let removed_at = fluxgate_core::batch::Batch::removed_at(batch.kept_until);
    let store = stores.store.batches();
    let texts = "\n".into();
    let written = store.put_lines(&task.tenant, &batch.id, &chunk, &texts, removed_at);
    written.await.unwrap();
    assert!(store.create_batch(&batch, 1_000).await.is_ok());
}

async fn named(stores: &Stores, tenant: &TenantId) -> usize {
    let (store, mut named) = (stores.store.batches(), 0);
    for batch in store.list_batches(tenant, None, 1_000).await.unwrap() {
        let chunk = store.chunk_after(tenant, &batch.id, 0).await.unwrap();
        named += usize::from(chunk.unwrap().lines[0].reference.is_some());
    }
    named
}

pub async fn an_erasure_of_one_task_goes_through_many_batches_step_by_step(stores: Stores) {
    const BATCHES: usize = 120;
    let tenant = stores.funded(1).await;
    tenant_with_bucket(&stores, &tenant, "b").await;
    let task = told(&stores, &tenant).await;
    for _ in 0..BATCHES {
        batch_with(&stores, &task).await;
    }
    let mut roles = Roles::over(&stores);
    roles.context.clock = Arc::new(SlowClock(AtomicI64::new(now().0)));
    let (operator, _) = roles.operator_tasks();
    let mut left = vec![named(&stores, &tenant).await];

    let mut cursor: Option<String> = None;
    loop {
        let (erasure, by) = (Erasure::default(), actor());
        let step = operator.erase_task(&tenant, &task.id, erasure, cursor.as_deref(), &by);
        cursor = step.await.unwrap().next;
        left.push(named(&stores, &tenant).await);
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!((left[0], left.last()), (BATCHES, Some(&0)));
    let each = left.windows(2).map(|around| around[0] - around[1]);
    assert!(each.max().unwrap() <= 80, "{left:?}");
    let erased = stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert!(erased.deleted.is_some());
    let (bad, by) = ("not a cursor", actor());
    let refused = operator.erase_task(&tenant, &task.id, Erasure::default(), Some(bad), &by);
    assert_eq!(refused.await.unwrap_err().code, "invalid_cursor");
}
