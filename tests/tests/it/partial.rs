//! A run that brings fewer outputs than were paid for.

use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::port::AccountStore as _;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::Gateway;
use serde_json::json;

#[tokio::test]
async fn three_outputs_of_four_are_charged_and_the_fourth_is_given_back() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    gateway.emulator.set_faults(Faults {
        fewer_outputs: Fault::Times(1),
        ..Faults::default()
    });

    let answer = tenant
        .post(
            "/api/v3/wavespeed-ai/flux-dev",
            &json!({ "prompt": "dunes", "num_images": 4 }),
        )
        .await;
    let task = answer.text("/data/id");
    let prediction = tenant.ended(&task).await;

    assert_eq!(answer.headers["fluxgate-price-usd"], "0.048");
    assert_eq!(prediction["status"], "completed", "{prediction}");
    assert_eq!(prediction["objects"].as_array().unwrap().len(), 3);
    assert_eq!(prediction["charged_usd"], 0.036);
    assert_eq!(tenant.balance_usd().await, 0.964);
    let ledger = gateway
        .server
        .folder()
        .store
        .ledger(&tenant.id)
        .await
        .unwrap();
    let of_task: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.reference == task)
        .map(|entry| (entry.kind, entry.amount))
        .collect();
    let wanted = [
        (EntryKind::Hold, 48_000),
        (EntryKind::Capture, 36_000),
        (EntryKind::Release, 12_000),
    ];
    assert_eq!(of_task.len(), 3);
    for (kind, amount) in wanted {
        assert!(
            of_task.contains(&(kind, MicroUsd(amount))),
            "{kind:?}: {of_task:?}"
        );
    }
    let bill = tenant
        .post(
            "/api/v3/billings/search",
            &json!({ "prediction_uuids": [task] }),
        )
        .await;
    assert_eq!(
        bill.body.pointer("/data/items/0/price"),
        Some(&json!(0.036))
    );
    assert_eq!(
        tenant.get("/v1/usage").await.body["total"]["charged_micro_usd"],
        36_000
    );
}
