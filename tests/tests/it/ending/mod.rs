//! How a tenant ends a task: it cancels one that waits, and deletes or retries one that is over,
//! and how it follows one.

mod cancel;
mod commands;
mod delete;
mod events;
mod retry;

use std::time::Duration;

use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::json;

/// A gateway whose provider makes one run at a time.
async fn one_at_a_time(run_time: Duration) -> Gateway {
    Gateway::with(GatewayOptions {
        faults: tiny(),
        run_time,
        concurrency: Some(1),
        ..GatewayOptions::default()
    })
    .await
}

fn tiny() -> Faults {
    Faults {
        tiny_output: Fault::Always,
        ..Faults::default()
    }
}

async fn cancel(tenant: &TestTenant, task: &str) -> Answer {
    let path = format!("/v1/tasks/{task}/cancel");
    tenant.post(&path, &json!({})).await
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.text("/code"))
}
