//! Deliveries as text, from the gateway's answers.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::print::{shown, word};

/// One line for each.
pub(super) fn table(deliveries: &[Value]) -> String {
    let mut text = String::new();
    for delivery in deliveries {
        let _ = writeln!(
            text,
            "{}  {}  {:<9}  {:<18}  {:<14}  to {}",
            word(delivery, "/id"),
            word(delivery, "/created_at"),
            word(delivery, "/state"),
            word(delivery, "/event_type"),
            last(delivery),
            word(delivery, "/endpoint"),
        );
    }
    text
}

pub(super) fn one(delivery: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<9} {}", shown(value));
        }
    };
    line("delivery", word(delivery, "/id"));
    line("event", word(delivery, "/event_type"));
    line("event id", word(delivery, "/event_id"));
    line("task", word(delivery, "/task_id"));
    line("endpoint", word(delivery, "/endpoint"));
    line("happened", word(delivery, "/created_at"));
    line("state", word(delivery, "/state"));
    line("next try", &next_try(delivery));
    let attempts: Vec<&Value> = attempts(delivery).collect();
    let made = delivery.get("attempts_made").and_then(Value::as_u64);
    let first = made.unwrap_or(0).saturating_sub(attempts.len() as u64);
    for (n, attempt) in attempts.into_iter().enumerate() {
        let number = first + 1 + n as u64;
        let _ = writeln!(
            text,
            "\nattempt {number:<2} {}  {:>6} ms  {}",
            word(attempt, "/at"),
            attempt["duration_ms"],
            status(attempt),
        );
        text.push_str(&why(attempt));
    }
    text
}

/// Why an attempt failed, in lines; nothing of a success.
pub(crate) fn why(attempt: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        for (n, part) in value.lines().enumerate() {
            let name = if n == 0 { name } else { "" };
            let _ = writeln!(text, "  {name:<11} {}", shown(part));
        }
    };
    line("class", word(attempt, "/error_class"));
    line("error", word(attempt, "/error"));
    line("location", word(attempt, "/location"));
    line("retry after", word(attempt, "/retry_after"));
    line("body", word(attempt, "/body"));
    text
}

fn attempts(delivery: &Value) -> impl Iterator<Item = &Value> {
    let attempts = delivery.get("attempts").and_then(Value::as_array);
    attempts.into_iter().flatten()
}

fn status(attempt: &Value) -> String {
    match attempt.get("status").and_then(Value::as_u64) {
        Some(status) => format!("HTTP {status}"),
        None => "no answer".to_owned(),
    }
}

/// The last attempt in a word.
fn last(delivery: &Value) -> String {
    match attempts(delivery).last() {
        Some(attempt) => status(attempt),
        None => "not tried".to_owned(),
    }
}

fn next_try(delivery: &Value) -> String {
    let is_pending = word(delivery, "/state") == "pending";
    match word(delivery, "/next_attempt_at") {
        "" if is_pending => "now".to_owned(),
        at => at.to_owned(),
    }
}
