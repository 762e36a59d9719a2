//! Shows one task: what is known of it, or its steps and callbacks.

use anyhow::Result;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::time::Timestamp;
use serde_json::{Value, json};

use super::{OneTask, text};
use crate::cli::print::{self, Facts, PrintArgs};
use crate::client::Admin;

pub(super) async fn show(task: &OneTask) -> Result<()> {
    let shown: Value = task.admin.admin()?.get(&task.path(), &[]).await?;
    task.print.print(&Facts {
        quiet: text(&shown, "/state").to_owned(),
        text: one(&shown),
        json: shown,
    })
}

/// A fact a line; those that there are.
fn one(task: &Value) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines += &format!("{name:<11} {}\n", print::shown(value));
        }
    };
    for (name, pointer) in [
        ("task", "/id"),
        ("tenant", "/tenant"),
        ("model", "/model"),
        ("state", "/state"),
        ("since", "/since"),
        ("created", "/created_at"),
        ("deleted", "/deleted_at"),
    ] {
        line(name, text(task, pointer));
    }
    line("waits", waits(task));
    line("error", &error(task));
    line("last step", &last_step(task));
    line("submits", &task["submits"].to_string());
    line("run", text(task, "/run"));
    line("ended by", text(task, "/completed_by"));
    line("money", &money(task));
    for output in task["s3_uris"].as_array().into_iter().flatten() {
        line("output", output.as_str().unwrap_or_default());
    }
    for delivery in task["deliveries"].as_array().into_iter().flatten() {
        let (id, state) = (text(delivery, "/id"), text(delivery, "/state"));
        line("callback", &format!("{id} {state}"));
    }
    line("trace", text(task, "/trace_id"));
    lines
}

fn waits(task: &Value) -> &'static str {
    match (
        task["waits_for_provider"].as_bool(),
        task["untold"].as_bool(),
    ) {
        (Some(true), _) => "for its turn at the provider's account",
        (_, Some(true)) => "to tell of its end: its events could not be written yet",
        _ => "",
    }
}

fn error(task: &Value) -> String {
    match text(task, "/error/code") {
        "" => String::new(),
        code => format!("{code}: {}", text(task, "/error/message")),
    }
}

fn last_step(task: &Value) -> String {
    let last = task["steps"].as_array().and_then(|steps| steps.last());
    last.map_or_else(String::new, |step| {
        let (name, detail) = (text(step, "/name"), text(step, "/detail"));
        let told = match detail.split_once(": ") {
            _ if detail.is_empty() => name.to_owned(),
            // A failure's step is called as its code.
            Some((code, _)) if code == name => detail.to_owned(),
            _ => format!("{name}: {detail}"),
        };
        format!("{told} ({} ms after its creation)", step["ms"])
    })
}

fn money(task: &Value) -> String {
    let amounts = [
        ("/money/price_usd", "price"),
        ("/money/held_usd", "held"),
        ("/money/charged_usd", "charged"),
        ("/refunded_usd", "refunded"),
        ("/money/cost_usd", "at the provider"),
    ];
    let told = amounts.iter().filter_map(|(pointer, what)| {
        let amount = MicroUsd::from_usd(task.pointer(pointer)?.as_f64()?)?;
        Some(format!("{amount} {what}"))
    });
    told.collect::<Vec<_>>().join(", ")
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
