//! `TaskStore::apply_each`: several changes at once come to what they come to one by one.

use std::collections::BTreeMap;

use fluxgate_core::Reason;
use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::task::{Admission, Change, Finished, Lane, Signal, State, Task, transition};
use fluxgate_core::webhook::{EventType, Target};

use super::day_sums::{days, sums_are_the_ledger_s};
use super::{PRICE, Stores, admission, archived, finished, fresh_run, now, output};

/// So many tasks of a tenant, of every third of which only half was made, and every second of
/// another model.
const TASKS: usize = 7;

/// Tasks whose outputs are copied, and the changes that complete them.
async fn captures(stores: &Stores, tenant: &TenantId) -> Vec<Change> {
    let mut changes = Vec::new();
    for n in 0..TASKS {
        let mut admission: Admission = admission(tenant);
        if n % 2 == 0 {
            admission.task.model = "wavespeed-ai/flux-dev".parse().unwrap();
        }
        admission.task.outputs_asked = if n % 3 == 0 { 2 } else { 1 };
        let task = stores.admit(admission).await.unwrap();
        let task = stores.signal(&task, finished(fresh_run())).await;
        changes.push(completion(&task));
    }
    changes
}

fn completion(task: &Task) -> Change {
    let outputs = vec![output()];
    let mut change = transition(task, Signal::Archived { outputs }, now()).unwrap();
    let delivery = change.task.delivery(
        DeliveryId::of(&task.id, 0),
        EventType::TaskCompleted,
        Target::TaskCallback,
        now(),
    );
    change.deliver(delivery);
    change
}

async fn amounts(stores: &Stores, tenant: &TenantId) -> BTreeMap<EntryKind, Vec<i64>> {
    let mut amounts: BTreeMap<EntryKind, Vec<i64>> = BTreeMap::new();
    for entry in stores.accounts.ledger(tenant).await.unwrap() {
        amounts.entry(entry.kind).or_default().push(entry.amount.0);
    }
    amounts
        .values_mut()
        .for_each(|amounts| amounts.sort_unstable());
    amounts
}

pub async fn captures_at_once_are_what_they_are_one_by_one(stores: Stores) {
    let (one, other) = (stores.funded(9).await, stores.funded(9).await);
    let singles = captures(&stores, &one).await;
    let together = captures(&stores, &other).await;

    for change in &singles {
        stores.tasks.apply(change).await.unwrap();
    }
    let outcomes = stores.tasks.apply_each(&together).await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let account = async |tenant| stores.accounts.account(tenant).await.unwrap();
    assert_eq!(account(&one).await, account(&other).await);
    assert_eq!(amounts(&stores, &one).await, amounts(&stores, &other).await);
    let (sums, summed) = (days(&stores, &one).await, days(&stores, &other).await);
    assert_eq!(sums.total(), summed.total());
    sums_are_the_ledger_s(&stores, &other).await;
    for change in &together {
        let stored = stores.tasks.get(&other, &change.task.id).await.unwrap();
        assert_eq!(stored.state, State::Completed);
        assert_eq!(stored.charged, change.task.charged);
        let deliveries = stores.deliveries.of_task(&change.task).await.unwrap();
        assert_eq!(deliveries, change.deliveries);
    }
}

pub async fn of_captures_at_once_one_whose_task_changed_is_a_conflict_and_the_others_are_written(
    stores: Stores,
) {
    let tenant = stores.funded(9).await;
    let changes = captures(&stores, &tenant).await;
    let first = &changes[2];
    stores.tasks.apply(first).await.unwrap();

    let outcomes = stores.tasks.apply_each(&changes).await;
    let again = stores.tasks.apply_each(&changes).await;

    for (n, outcome) in outcomes.iter().enumerate() {
        let is_moved = |error: &fluxgate_core::Error| error.is(Reason::VersionMoved);
        assert_eq!(outcome.as_ref().is_err_and(is_moved), n == 2, "{n}");
    }
    assert!(again.iter().all(Result::is_err));
    let account = stores.accounts.account(&tenant).await.unwrap();
    let charged: i64 = changes.iter().map(|change| change.task.charged.0).sum();
    assert_eq!(
        (account.captured, account.held),
        (MicroUsd(charged), MicroUsd::ZERO)
    );
    sums_are_the_ledger_s(&stores, &tenant).await;
}

pub async fn changes_at_once_may_be_of_several_tenants_and_kinds(stores: Stores) {
    let (one, other) = (stores.funded(2).await, stores.funded(2).await);
    let mut changes = Vec::new();
    for tenant in [&one, &other, &one] {
        let task = stores.archiving(tenant).await;
        changes.push(transition(&task, archived(), now()).unwrap());
    }
    let task = stores.admitted(&other).await;
    changes.push(transition(&task, finished(fresh_run()), now()).unwrap());

    let outcomes = stores.tasks.apply_each(&changes).await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let captured = async |tenant| stores.accounts.account(tenant).await.unwrap().captured;
    assert_eq!(captured(&one).await, MicroUsd(2 * PRICE.0));
    assert_eq!(captured(&other).await, PRICE);
    assert!(stores.tasks.apply_each(&[]).await.is_empty());
}

/// A run whose end nobody wrote is completed by one change.
pub async fn an_end_and_its_outputs_are_written_as_one_change(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.admitted(&tenant).await;
    let run = fresh_run();
    let via = fluxgate_core::task::Via::Submit;
    let accepted = Signal::Accepted {
        run: run.clone(),
        via,
    };
    let task = stores.signal(&task, accepted).await;
    let Signal::Finished(finished): Signal = finished(run) else {
        panic!("a run has finished");
    };
    let ended = Box::new(fluxgate_core::task::EndedRun {
        finished: Finished { ..finished },
        at: now(),
    });
    let outputs = vec![output()];

    let task = stores
        .signal(&task, Signal::RunArchived { ended, outputs })
        .await;

    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
    let timeline = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
    let names: Vec<&str> = timeline.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names[names.len() - 2..], ["finished", "archived"]);
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!((account.captured, account.held), (PRICE, MicroUsd::ZERO));
    let left = super::queue::receive_once(&stores, Lane::Archive, &tenant, 1_000).await;
    assert!(left.is_empty(), "its outputs are copied: {left:?}");
}
