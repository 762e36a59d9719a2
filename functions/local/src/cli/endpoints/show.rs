//! Endpoints as text, from the gateway's answers.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::print::{shown, word};

/// One line for each.
pub(super) fn table(endpoints: &Value) -> String {
    let mut text = String::new();
    for endpoint in endpoints.as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "{}  {:<8}  {:<30}  {}  {}",
            word(endpoint, "/id"),
            is_enabled(endpoint),
            breaker(endpoint),
            shown(address(endpoint)),
            shown(&events(endpoint)),
        );
    }
    text
}

pub(super) fn one(endpoint: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<11} {}", shown(value));
        }
    };
    line("endpoint", word(endpoint, "/id"));
    line("kind", word(endpoint, "/kind"));
    line("url", word(endpoint, "/url"));
    line("description", word(endpoint, "/description"));
    line("state", &state(endpoint));
    line("events", &events(endpoint));
    line("filter", &filter(endpoint));
    line("metadata", &pairs(endpoint.get("metadata")));
    line("headers", &words(endpoint.get("headers")));
    line("payload", word(endpoint, "/payload"));
    line("ordering", word(endpoint, "/ordering"));
    line("signatures", &signatures(endpoint));
    line("limits", &limits(endpoint));
    line("health", &health(endpoint));
    line("recovery", &recovery(endpoint));
    line("expires", word(endpoint, "/expires_at"));
    line("created", word(endpoint, "/created_at"));
    text
}

/// What came of a sample.
pub(super) fn outcome(outcome: &Value) -> String {
    if outcome.get("attempt").is_none() {
        let (event, id) = (word(outcome, "/event_type"), word(outcome, "/event_id"));
        return format!("waits to be read: {event} {id}\n");
    }
    let sent = format!(
        "{} {} in {} ms",
        word(outcome, "/event_type"),
        word(outcome, "/event_id"),
        number(outcome, "/attempt/duration_ms"),
    );
    match outcome.pointer("/attempt/status").and_then(Value::as_u64) {
        Some(status) if outcome.get("delivered") == Some(&Value::Bool(true)) => {
            format!("delivered: {sent}, HTTP {status}\n")
        }
        _ => {
            let why = crate::cli::deliveries::why(&outcome["attempt"]);
            format!("failed: {sent}\n{why}")
        }
    }
}

fn address(endpoint: &Value) -> &str {
    match word(endpoint, "/url") {
        "" => word(endpoint, "/kind"),
        url => url,
    }
}

fn is_enabled(endpoint: &Value) -> &'static str {
    match endpoint.get("enabled").and_then(Value::as_bool) {
        Some(true) => "enabled",
        _ => "disabled",
    }
}

/// Whether callbacks pass: `ok`, `open until` a time, `half-open`, or why it is disabled.
fn breaker(endpoint: &Value) -> String {
    let reason = word(endpoint, "/disabled/reason");
    match (is_enabled(endpoint), word(endpoint, "/health/breaker")) {
        ("enabled", "open") => format!("open until {}", word(endpoint, "/health/open_until")),
        ("enabled", "half_open") => "half-open: the next one tries it".to_owned(),
        ("enabled", _) => "ok".to_owned(),
        _ if reason.is_empty() => "disabled".to_owned(),
        _ => format!("disabled, {reason}"),
    }
}

pub(super) fn state(endpoint: &Value) -> String {
    let is_enabled = endpoint.get("enabled") == Some(&Value::Bool(true));
    match (is_enabled, word(endpoint, "/disabled/reason")) {
        (true, _) if word(endpoint, "/health/breaker") == "closed" => "enabled".to_owned(),
        (true, _) => format!("enabled, {}", word(endpoint, "/health/breaker")),
        (false, "") => "disabled".to_owned(),
        (false, reason) => format!("disabled, {reason}"),
    }
}

fn events(endpoint: &Value) -> String {
    let named = words(endpoint.get("event_types"));
    if named.is_empty() {
        return "all but task.started".to_owned();
    }
    named
}

fn filter(endpoint: &Value) -> String {
    let models = words(endpoint.pointer("/filter/models"));
    let metadata = pairs(endpoint.pointer("/filter/metadata"));
    let parts = [models, metadata];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" with ")
}

fn signatures(endpoint: &Value) -> String {
    let mut text = word(endpoint, "/signatures").to_owned();
    let secrets = endpoint.get("secrets").and_then(Value::as_array);
    for secret in secrets.into_iter().flatten() {
        let until = word(secret, "/expires_at");
        if !until.is_empty() {
            let _ = write!(text, ", an old secret until {until}");
        }
    }
    text
}

fn limits(endpoint: &Value) -> String {
    let limit = |name: &str, unit: &str| {
        let number = endpoint.get(name).and_then(Value::as_u64);
        number.map(|number| format!("{number} {unit}"))
    };
    let limits = [
        limit("rate_per_second", "a second"),
        limit("concurrency", "at once"),
    ];
    limits.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn health(endpoint: &Value) -> String {
    let failures = number(endpoint, "/health/consecutive_failures");
    if failures == 0 {
        return "good".to_owned();
    }
    let since = word(endpoint, "/health/failing_since");
    let until = match word(endpoint, "/health/open_until") {
        "" => String::new(),
        until => format!(", nothing is sent until {until}"),
    };
    format!("{failures} failures in a row since {since}{until}")
}

fn recovery(endpoint: &Value) -> String {
    let Some(recovery) = endpoint.get("recovery") else {
        return String::new();
    };
    let replayed = number(recovery, "/replayed");
    match word(recovery, "/finished_at") {
        "" => format!(
            "under way since {}, {replayed} sent again",
            word(recovery, "/started_at")
        ),
        finished => format!("over at {finished}, {replayed} sent again"),
    }
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn words(list: Option<&Value>) -> String {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn pairs(map: Option<&Value>) -> String {
    let map = map.and_then(Value::as_object).into_iter().flatten();
    map.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect::<Vec<_>>()
        .join(", ")
}
