//! Shows one task: what is known of it, or its steps and callbacks.

use anyhow::Result;
use fluxgate_core::time::Timestamp;
use serde_json::{Value, json};

use super::{OneTask, text};
use crate::cli::print::{self, Facts, PrintArgs};
use crate::client::Admin;

/// As JSON for people too.
pub(super) async fn show(task: &OneTask) -> Result<()> {
    let shown: Value = task.admin.admin()?.get(&task.path(), &[]).await?;
    if task.print.quiet {
        return print::line(text(&shown, "/state"));
    }
    print::json(&shown)
}

pub(super) async fn timeline(admin: &Admin, path: &str, print: PrintArgs) -> Result<()> {
    let mut task: Value = admin.get(path, &[]).await?;
    let mut lines = String::new();
    for step in task["steps"].as_array().into_iter().flatten() {
        let (name, via) = (text(step, "/name"), text(step, "/via"));
        let detail = text(step, "/detail");
        lines += &format!("{:>8} ms  {name:<16} {via:<9} {detail}\n", step["ms"]);
    }
    let callbacks = callbacks(&task);
    for callback in &callbacks {
        let status = callback["status"].as_u64();
        let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let (ms, took, to) = (
            &callback["ms"],
            &callback["duration_ms"],
            text(callback, "/to"),
        );
        lines += &format!("{ms:>8} ms  callback         {status} in {took} ms, {to}\n");
    }
    task["callbacks"] = callbacks.into();
    print.print(&Facts {
        quiet: text(&task, "/state").to_owned(),
        text: lines,
        json: task,
    })
}

/// Every attempt of every delivery, by the milliseconds since the task was created.
fn callbacks(task: &Value) -> Vec<Value> {
    let created_at = Timestamp::from_rfc3339(text(task, "/created_at")).unwrap_or(Timestamp(0));
    let deliveries = task["deliveries"].as_array().into_iter().flatten();
    let attempts = deliveries.flat_map(|delivery| {
        let attempts = delivery["attempts"].as_array().into_iter().flatten();
        attempts.map(move |attempt| (delivery, attempt))
    });
    attempts
        .map(|(delivery, attempt)| {
            let at = Timestamp::from_rfc3339(text(attempt, "/at")).unwrap_or(Timestamp(0));
            let to = match text(delivery, "/endpoint") {
                "task_callback" => "?webhook=".to_owned(),
                endpoint => format!("endpoint {endpoint}"),
            };
            json!({
                "ms": at.since_ms(created_at), "delivery": delivery["id"], "to": to,
                "status": attempt["status"], "duration_ms": attempt["duration_ms"],
            })
        })
        .collect()
}
