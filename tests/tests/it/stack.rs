//! One edit, the whole way, through Lambda events alone; and the ways in which it may be disturbed.

use fluxgate_core::digest::sha256;
use fluxgate_tests::{LiveReceiver, Stack, StackOptions};

#[tokio::test]
async fn an_edit_travels_through_the_functions_from_submit_to_callback() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (_, secret) = tenant.endpoint(&receiver.url("events")).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let callback = receiver.about(&task, 1).await.remove(0);

    let prediction = tenant.result(&task).await;
    assert_eq!(prediction["status"], "completed");
    let output = tenant.download(prediction["outputs"][0].as_str().unwrap()).await;
    let digest: String = sha256(&output).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(prediction["objects"][0]["sha256"], digest);
    assert_eq!(prediction["objects"][0]["bytes"], output.len());
    assert_eq!(tenant.balance_usd().await, 0.92);
    standardwebhooks::Webhook::new(&secret).unwrap().verify(&callback.body, &callback.headers).unwrap();
    assert_eq!(callback.json()["data"]["outputs"], prediction["outputs"]);
    assert_eq!(tenant.timeline(&task).await["completed_by"], "webhook");
    assert_eq!(tenant.steps(&task).await, ["admitted", "submit_started", "accepted", "finished", "archived"]);
    assert_eq!(stack.function("receiver").invocations(), 1);
}
