//! Concurrent submits overspend neither a balance nor a budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fluxgate_core::Kind;
use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, EntryKind, LedgerEntry, MicroUsd, Payment};
use fluxgate_core::port::{AccountStore, Admitted};
use fluxgate_core::time::Timestamp;
use fluxgate_emulator::Faults;
use fluxgate_tests::contract::{PRICE, Stores, admission, budgets, now};
use fluxgate_tests::faulty_aws::FaultyAws;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{AwsStores, Gateway, GatewayOptions, Ministack, TestTenant};
use serde_json::json;
use tokio::sync::Semaphore;

/// As many as are asked for, and as many as are paid for.
const ASKED: usize = 1_000;
const PAID: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_submits_at_once_the_hundred_that_are_paid_for_are_accepted() {
    let gateway = tiny().await;
    let tenant = gateway.tenant("acme", "8").await;

    let ended = a_thousand_submits(&gateway, &tenant, "insufficient_funds").await;

    assert_eq!(
        ended,
        Account {
            captured: MicroUsd(8_000_000),
            ..Account::default()
        }
    );
    assert_eq!(
        sums(&ledger(&gateway, &tenant).await),
        [8_000_000, 8_000_000, 8_000_000, 0, 0]
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_submits_at_once_the_hundred_within_the_month_s_budget_are_accepted() {
    let gateway = tiny().await;
    let tenant = gateway.tenant("acme", "0").await;
    let terms =
        json!({ "limit_usd": "8.01", "time_zone": "America/St_Johns", "payment": "postpaid" });
    assert_eq!(
        gateway
            .operator()
            .put("/tenants/acme/budget", &terms)
            .await
            .status,
        200
    );

    let ended = a_thousand_submits(&gateway, &tenant, "budget_exhausted").await;

    let month = ended.allowance.clone().unwrap();
    let spent = MicroUsd(8_000_000);
    assert_eq!(
        (month.spent, month.held, month.left()),
        (spent, MicroUsd::ZERO, MicroUsd(10_000))
    );
    assert_eq!(
        ended,
        Account {
            captured: spent,
            credit: spent,
            allowance: Some(month),
            ..Account::default()
        }
    );
    assert_eq!(
        sums(&ledger(&gateway, &tenant).await),
        [0, 8_000_000, 8_000_000, 0, 8_000_000]
    );
    gateway.stop().await;
}

async fn tiny() -> Gateway {
    let faults = Faults {
        tiny_output: fluxgate_emulator::Fault::Always,
        ..Faults::default()
    };
    Gateway::with(GatewayOptions {
        faults,
        ..GatewayOptions::default()
    })
    .await
}

/// The account once the hundred that were accepted are over; the others were refused for this
/// reason.
async fn a_thousand_submits(gateway: &Gateway, tenant: &TestTenant, reason: &str) -> Account {
    let inputs = json!({ "prompt": "make it a sketch", "image": tenant.upload().await });
    // All at once for the gateway; this machine's sockets are another matter.
    let sockets = Arc::new(Semaphore::new(256));
    let submits = (0..ASKED).map(|_| {
        let (tenant, inputs, sockets) = (tenant.clone(), inputs.clone(), sockets.clone());
        tokio::spawn(async move {
            let _socket = sockets.acquire().await.unwrap();
            let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
            (
                answer.status.as_u16(),
                answer.text("/error_code"),
                answer.text("/data/id"),
            )
        })
    });
    let mut accepted = Vec::new();
    for submit in submits.collect::<Vec<_>>() {
        match submit.await.unwrap() {
            (200, _, id) => accepted.push(id),
            (status, code, _) => assert_eq!((status, code.as_str()), (402, reason)),
        }
    }

    assert_eq!(accepted.len(), PAID);
    assert_eq!(gateway.emulator.runs().len(), PAID);
    for task in &accepted {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    AccountStore::account(&gateway.server.folder().store, &tenant.id)
        .await
        .unwrap()
}

async fn ledger(gateway: &Gateway, tenant: &TestTenant) -> Vec<LedgerEntry> {
    AccountStore::ledger(&gateway.server.folder().store, &tenant.id)
        .await
        .unwrap()
}

/// The sums of top-ups, holds, captures, releases and what was lent.
fn sums(ledger: &[LedgerEntry]) -> [i64; 5] {
    [
        EntryKind::TopUp,
        EntryKind::Hold,
        EntryKind::Capture,
        EntryKind::Release,
        EntryKind::Credit,
    ]
    .map(|kind| {
        ledger
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.amount.0)
            .sum()
    })
}

/// How many transactions one Lambda region would have under way for one tenant.
const PARALLEL: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn on_dynamodb_too_a_thousand_admissions_leave_an_exact_ledger() {
    let ministack = Ministack::start().await;
    let stores = AwsStores::on(&ministack).await.stores();
    let tenant = stores.funded(i64::try_from(PAID).unwrap()).await;

    let account = a_thousand_admissions(&stores, &tenant, "insufficient_funds").await;

    let held = MicroUsd(PRICE.0 * i64::try_from(PAID).unwrap());
    assert_eq!(
        account,
        Account {
            held,
            in_flight: u32::try_from(PAID).unwrap(),
            ..Account::default()
        }
    );
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(sums(&ledger), [held.0, held.0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_dynamodb_too_a_thousand_admissions_that_begin_a_month_stay_within_its_budget() {
    let ministack = Ministack::start().await;
    let stores = AwsStores::on(&ministack).await.stores();
    let tenant = stores.funded(i64::try_from(2 * PAID).unwrap()).await;
    let terms = budgets::budget(i64::try_from(PAID).unwrap(), Payment::Prepaid);
    // The month before: each admission finds it over.
    let last_month = now().0 - 31 * 86_400_000;
    budgets::set(&stores, &tenant, Some(terms), Timestamp(last_month))
        .await
        .unwrap();

    let account = a_thousand_admissions(&stores, &tenant, "budget_exhausted").await;

    let held = MicroUsd(PRICE.0 * i64::try_from(PAID).unwrap());
    let month = account.allowance.unwrap();
    assert_eq!((account.available, account.held), (held, held));
    assert_eq!(
        (month.period, month.held, month.left()),
        (2, held, MicroUsd::ZERO)
    );
    assert_eq!(check_books(&*stores.accounts, &tenant).await.unwrap(), []);
}

/// The account afterwards; all but a hundred were refused for this reason.
async fn a_thousand_admissions(
    stores: &Stores,
    tenant: &TenantId,
    reason: &'static str,
) -> Account {
    let (refused, permits) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(Semaphore::new(PARALLEL)),
    );
    let admissions = (0..ASKED).map(|_| {
        let (stores, refused, permits) = (stores.clone(), refused.clone(), permits.clone());
        let admission = admission(tenant);
        tokio::spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            if let Err(error) = stores.admit(admission).await {
                assert_eq!(
                    (error.kind, error.code),
                    (Kind::InsufficientFunds, reason),
                    "{error}"
                );
                refused.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for admission in admissions.collect::<Vec<_>>() {
        admission.await.unwrap();
    }
    assert_eq!(refused.load(Ordering::Relaxed), ASKED - PAID);
    stores.accounts.account(tenant).await.unwrap()
}

/// The adapter's own bound of one write.
const TRIES_MAX: u64 = 24;

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::print_stdout,
    reason = "the figure of which ARCHITECTURE speaks"
)]
async fn a_hundred_submits_at_once_pass_through_one_account_on_dynamodb_within_bounded_tries() {
    let ministack = Ministack::start().await;
    let direct = AwsStores::on(&ministack).await;
    let faulty = FaultyAws::before(&ministack).await;
    let stores = direct.by_way_of(&faulty.aws).await.stores();
    let tenant = stores.funded(i64::try_from(PARALLEL).unwrap()).await;
    faulty.contend();

    let admissions: Vec<_> = (0..PARALLEL)
        .map(|_| {
            let (stores, admission) = (stores.clone(), admission(&tenant));
            tokio::spawn(async move { stores.tasks.admit(admission).await })
        })
        .collect();
    let mut accepted = 0;
    for admission in admissions {
        match admission.await.unwrap() {
            Ok(admitted) => {
                assert!(matches!(admitted, Admitted::New(_)));
                accepted += 1;
            }
            // On a machine that is too slow for it the time limit ends the tries, and the caller
            // gets a 503 to retry.
            Err(error) => assert_eq!(error.kind, Kind::Unavailable, "{error}"),
        }
    }

    let conflicts = faulty.conflicts();
    println!(
        "{accepted} of {PARALLEL} admitted at once; {conflicts} transactions lost to others and were tried again"
    );
    assert!(conflicts > 0, "nobody met anybody");
    assert!(conflicts <= TRIES_MAX * PARALLEL as u64, "{conflicts}");
    let held = MicroUsd(PRICE.0 * accepted);
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!((account.held, account.captured), (held, MicroUsd::ZERO));
    assert_eq!(
        sums(&stores.accounts.ledger(&tenant).await.unwrap())[1],
        held.0
    );
}
