//! What the end of a task sets off, over the stores: it is settled once and told to every place.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, MicroUsd};
use fluxgate_core::port::Lease;
use fluxgate_core::task::{Failure, Job, RunEnd, Signal, State, Task, Via};
use fluxgate_core::webhook::{DeliveryState, Target};

use super::endpoint_store::{ENDPOINTS_MAX, endpoint};
use super::{PRICE, Stores, fresh_run};
use crate::Roles;

/// The signal that a run failed.
pub fn run_failed() -> Signal {
    let failure = Failure::new(1500, "model_failed", "text");
    Signal::RunFailed {
        run: fresh_run(),
        via: Via::Webhook,
        end: RunEnd::Failed,
        failure,
    }
}

/// The watch of a task, in hand.
pub fn watch(task: &Task) -> Lease {
    let job = Job::Watch {
        tenant: task.tenant.clone(),
        task: task.id.clone(),
        round: 0,
    };
    Lease {
        job,
        handle: String::new(),
        receipt: 0,
        failures: 0,
    }
}

impl Stores {
    /// The task as stored, and its deliveries.
    pub async fn told(&self, task: &Task) -> (Task, Vec<(Target, DeliveryState)>) {
        let task = self
            .tasks
            .get(&task.tenant, &task.id)
            .await
            .expect("the task is there");
        let deliveries = self
            .deliveries
            .of_task(&task)
            .await
            .expect("its deliveries can be read");
        (
            task,
            deliveries
                .into_iter()
                .map(|delivery| (delivery.target, delivery.state))
                .collect(),
        )
    }

    /// The hold is released in full.
    pub async fn assert_released(&self, tenant: &TenantId) {
        let account = self
            .accounts
            .account(tenant)
            .await
            .expect("the account can be read");
        assert_eq!(
            (account.held, account.captured),
            (MicroUsd::ZERO, MicroUsd::ZERO)
        );
        assert_eq!(
            account,
            Account {
                available: PRICE,
                ..Account::default()
            }
        );
    }
}

pub async fn an_end_is_told_once_to_each_of_sixteen_endpoints_and_settled_once(stores: Stores) {
    let tenant = stores.funded(1).await;
    let mut places = Vec::new();
    for _ in 0..ENDPOINTS_MAX {
        let endpoint = stores.endpoint(&tenant).await.unwrap();
        places.push((Target::Endpoint(endpoint.id), DeliveryState::Pending));
    }
    let (task, news) = (stores.admitted(&tenant).await, run_failed());

    let receiver = Roles::over(&stores).receiver();
    receiver
        .apply_signal(&tenant, &task.id, news.clone())
        .await
        .unwrap();
    receiver
        .apply_signal(&tenant, &task.id, news)
        .await
        .unwrap();

    let (ended, mut told) = stores.told(&task).await;
    assert_eq!((ended.state, ended.untold), (State::Failed, false));
    let sort = |places: &mut Vec<(Target, DeliveryState)>| {
        places.sort_by_key(|place| format!("{place:?}"))
    };
    sort(&mut told);
    sort(&mut places);
    assert_eq!(told, places);
    stores.assert_released(&tenant).await;
}

pub async fn a_tenant_with_more_endpoints_than_it_may_have_has_its_tasks_ended_and_told(
    stores: Stores,
) {
    const ENDPOINTS: usize = 120;
    let tenant = stores.funded(1).await;
    for _ in 0..ENDPOINTS {
        stores
            .endpoints
            .create(&endpoint(&tenant), usize::MAX)
            .await
            .unwrap();
    }
    let task = stores.admitted(&tenant).await;

    Roles::over(&stores)
        .receiver()
        .apply_signal(&tenant, &task.id, run_failed())
        .await
        .unwrap();

    let (ended, told) = stores.told(&task).await;
    assert_eq!(
        (ended.state, ended.untold, told.len()),
        (State::Failed, false, ENDPOINTS)
    );
    stores.assert_released(&tenant).await;
}
