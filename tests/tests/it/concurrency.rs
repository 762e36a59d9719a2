//! A balance is never overspent, however many ask at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fluxgate_core::Kind;
use fluxgate_core::money::{Account, EntryKind, MicroUsd};
use fluxgate_core::port::Admitted;
use fluxgate_emulator::Faults;
use fluxgate_tests::contract::{PRICE, admission};
use fluxgate_tests::faulty_aws::FaultyAws;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{AwsStores, Gateway, GatewayOptions, Ministack};
use serde_json::json;
use tokio::sync::Semaphore;

/// As many as are asked for, and as many as are paid for.
const ASKED: usize = 1_000;
const PAID: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_submits_at_once_the_hundred_that_are_paid_for_are_accepted() {
    let faults = Faults { tiny_output: fluxgate_emulator::Fault::Always, ..Faults::default() };
    let gateway = Gateway::with(GatewayOptions { faults, ..GatewayOptions::default() }).await;
    let tenant = gateway.tenant("acme", "8").await;
    let inputs = json!({ "prompt": "make it a sketch", "image": tenant.upload().await });
    // All at once for the gateway; this machine's sockets are another matter.
    let sockets = Arc::new(Semaphore::new(256));

    let submits = (0..ASKED).map(|_| {
        let (tenant, inputs, sockets) = (tenant.clone(), inputs.clone(), sockets.clone());
        tokio::spawn(async move {
            let _socket = sockets.acquire().await.unwrap();
            let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
            (answer.status.as_u16(), answer.text("/error_code"), answer.text("/data/id"))
        })
    });
    let mut accepted = Vec::new();
    for submit in submits.collect::<Vec<_>>() {
        match submit.await.unwrap() {
            (200, _, id) => accepted.push(id),
            (status, code, _) => assert_eq!((status, code.as_str()), (402, "insufficient_funds")),
        }
    }

    assert_eq!(accepted.len(), PAID);
    assert_eq!(gateway.emulator.runs().len(), PAID);
    for task in &accepted {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    let store = &gateway.server.folder().store;
    let account = fluxgate_core::port::AccountStore::account(store, &tenant.id).await.unwrap();
    assert_eq!(account, Account { available: MicroUsd::ZERO, held: MicroUsd::ZERO, captured: MicroUsd(8_000_000) });
    let ledger = fluxgate_core::port::AccountStore::ledger(store, &tenant.id).await.unwrap();
    assert_eq!(sums(&ledger), [8_000_000, 8_000_000, 8_000_000, 0]);
    gateway.stop().await;
}

/// The sums of top-ups, holds, captures and releases.
fn sums(ledger: &[fluxgate_core::money::LedgerEntry]) -> [i64; 4] {
    [EntryKind::TopUp, EntryKind::Hold, EntryKind::Capture, EntryKind::Release]
        .map(|kind| ledger.iter().filter(|entry| entry.kind == kind).map(|entry| entry.amount.0).sum())
}

/// How many transactions one Lambda region would have under way for one tenant.
const PARALLEL: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn on_dynamodb_too_a_thousand_admissions_leave_an_exact_ledger() {
    let ministack = Ministack::start().await;
    let stores = AwsStores::on(&ministack).await.stores();
    let tenant = stores.funded(i64::try_from(PAID).unwrap()).await;
    let (refused, permits) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(PARALLEL)));

    let admissions = (0..ASKED).map(|_| {
        let (stores, refused, permits) = (stores.clone(), refused.clone(), permits.clone());
        let admission = admission(&tenant);
        tokio::spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            match stores.tasks.admit(admission).await {
                Ok(admitted) => assert_eq!(admitted, Admitted::New),
                Err(error) => {
                    assert_eq!(error.kind, Kind::InsufficientFunds, "{error}");
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    for admission in admissions.collect::<Vec<_>>() {
        admission.await.unwrap();
    }

    assert_eq!(refused.load(Ordering::Relaxed), ASKED - PAID);
    let account = stores.accounts.account(&tenant).await.unwrap();
    let held = MicroUsd(PRICE.0 * i64::try_from(PAID).unwrap());
    assert_eq!(account, Account { available: MicroUsd::ZERO, held, captured: MicroUsd::ZERO });
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(sums(&ledger), [held.0, held.0, 0, 0]);
}

/// The adapter's own bound of one write.
const TRIES_MAX: u64 = 24;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the figure of which ARCHITECTURE speaks")]
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
                assert_eq!(admitted, Admitted::New);
                accepted += 1;
            }
            // On a machine that is too slow for it the bound of time ends the tries, and the caller is told to come again.
            Err(error) => assert_eq!(error.kind, Kind::Unavailable, "{error}"),
        }
    }

    let conflicts = faulty.conflicts();
    println!("{accepted} of {PARALLEL} admitted at once; {conflicts} transactions lost to others and were tried again");
    assert!(conflicts > 0, "nobody met anybody");
    assert!(conflicts <= TRIES_MAX * PARALLEL as u64, "{conflicts}");
    let held = MicroUsd(PRICE.0 * accepted);
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!((account.held, account.captured), (held, MicroUsd::ZERO));
    assert_eq!(sums(&stores.accounts.ledger(&tenant).await.unwrap())[1], held.0);
}
