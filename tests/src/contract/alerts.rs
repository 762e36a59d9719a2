//! `AlertStore`, and what is told by it, whichever store it is.

use fluxgate_core::Reason;
use fluxgate_core::app::Worker as _;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{AlertTerms, Alerts, MicroUsd};
use fluxgate_core::port::{About, DeadLetter};
use fluxgate_core::task::{Delayed, Job, Lane};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::EventType;

use super::{PRICE, Stores, fresh_tenant, queue, tenant_store};
use crate::Roles;

fn low_below(amount: MicroUsd) -> Alerts {
    Alerts {
        version: 1,
        terms: AlertTerms {
            low_balance: Some(amount),
            budget_percents: None,
        },
        ..Alerts::default()
    }
}

/// The only event that the tenant's endpoint is to be told.
async fn told(stores: &Stores, tenant: &TenantId) -> EventType {
    let leases = queue::receive_of(stores, Lane::Notify, tenant).await;
    assert_eq!(leases.len(), 1, "{leases:?}");
    stores.queue.ack(&leases[0]).await.unwrap();
    event_of(stores, tenant, &leases[0].job).await.0
}

async fn event_of(stores: &Stores, tenant: &TenantId, job: &Job) -> (EventType, About) {
    let Job::Deliver { delivery, .. } = job else {
        panic!("a delivery is expected: {job:?}");
    };
    let (delivery, about) = stores.deliveries.get(tenant, delivery).await.unwrap();
    (delivery.event, about)
}

async fn nothing_told(stores: &Stores, tenant: &TenantId) -> bool {
    queue::none_of(stores, Lane::Notify, tenant).await
}

pub async fn alerts_are_changed_over_the_version_they_were_made_from(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.alerts());
    assert_eq!(store.alerts_of(&tenant).await.unwrap(), Alerts::default());
    let first = low_below(PRICE);

    let entry = tenant_store::entry(&tenant);
    store
        .replace_alerts(&tenant, &first, Some(&entry))
        .await
        .unwrap();
    let late = store.replace_alerts(&tenant, &first, None).await;

    assert!(late.unwrap_err().is(Reason::VersionMoved));
    let second = Alerts {
        version: 2,
        low_since: Some(Timestamp(5)),
        lows: 1,
        ..first
    };
    store.replace_alerts(&tenant, &second, None).await.unwrap();
    assert_eq!(store.alerts_of(&tenant).await.unwrap(), second);
    let (account, alerts) = store.alerts_eventual(&tenant).await.unwrap();
    assert_eq!((account.available, alerts), (MicroUsd::ZERO, second));
    let entries = stores.tenants.audit_log(None, 100).await.unwrap();
    assert!(entries.iter().any(|known| known.id == entry.id));
}

/// By the sweep, which finds what nobody has told.
pub async fn a_low_balance_is_told_once_until_it_was_above(stores: Stores) {
    let tenant = stores.funded(2).await;
    stores.endpoint(&tenant).await.unwrap();
    let store = stores.store.alerts();
    let limit = MicroUsd(PRICE.0 + 1);
    store
        .replace_alerts(&tenant, &low_below(limit), None)
        .await
        .unwrap();
    let sweeper = Roles::over(&stores).sweeper();
    let sweep = async || {
        sweeper.sweep(&tenant, Timestamp(i64::MAX)).await.unwrap();
    };

    sweep().await;
    stores.admitted(&tenant).await;
    sweep().await;
    assert_eq!(told(&stores, &tenant).await, EventType::BalanceLow);
    sweep().await;
    stores.top_up(&tenant, PRICE, "more").await.unwrap();
    sweep().await;
    assert!(nothing_told(&stores, &tenant).await, "it is above again");
    stores.admitted(&tenant).await;
    sweep().await;
    assert_eq!(told(&stores, &tenant).await, EventType::BalanceLow);
}

/// Whoever tells it at once, and whoever crashed before writing down that it was told.
pub async fn an_alert_that_is_told_twice_at_once_is_one_event(stores: Stores) {
    let tenant = stores.funded(1).await;
    stores.endpoint(&tenant).await.unwrap();
    let alerts = low_below(MicroUsd(PRICE.0 + 1));
    let store = stores.store.alerts();
    store.replace_alerts(&tenant, &alerts, None).await.unwrap();
    let sweepers = [(); 4].map(|()| Roles::over(&stores).sweeper());

    let swept = sweepers
        .iter()
        .map(|sweeper| sweeper.sweep(&tenant, Timestamp(i64::MAX)));
    let swept = futures::future::join_all(swept).await;

    assert!(swept.iter().all(Result::is_ok), "{swept:?}");
    let jobs = queue::receive_of(&stores, Lane::Notify, &tenant).await;
    let mut named: Vec<_> = jobs.iter().map(|lease| lease.job.clone()).collect();
    named.dedup();
    assert_eq!(named.len(), 1, "{named:?}");
    let (event, _) = event_of(&stores, &tenant, &named[0]).await;
    assert_eq!(event, EventType::BalanceLow);
}

/// To the operator's endpoints.
pub async fn a_job_that_is_given_up_is_told_to_the_operator(stores: Stores) {
    let (tenant, operator) = (fresh_tenant(), TenantId::operator());
    stores.endpoint(&operator).await.unwrap();
    let job = queue::archive(&tenant);
    let sent = Delayed {
        job: job.clone(),
        after_ms: 0,
    };
    stores.queue.send(&[sent]).await.unwrap();
    let mut leases = queue::receive_of(&stores, Lane::Archive, &tenant).await;
    let mut lease = leases.remove(0);
    lease.failures = 19;

    Roles::over(&stores)
        .archiver()
        .after_panic(&lease)
        .await
        .unwrap();

    let letters = stores.queue.dead_letters(Lane::Archive).await.unwrap();
    let is_it = |letter: &DeadLetter| letter.job.as_ref() == Some(&job);
    assert!(letters.iter().any(is_it), "{letters:?}");
    let mut about = Vec::new();
    for lease in queue::receive_of(&stores, Lane::Notify, &operator).await {
        let (event, notice) = event_of(&stores, &operator, &lease.job).await;
        assert_eq!(event, EventType::DeadLetterAdded);
        about.push(format!("{notice:?}"));
    }
    let named = about.iter().any(|about| about.contains(tenant.as_str()));
    assert!(named, "{about:?}");
}
