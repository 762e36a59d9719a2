//! Lines of a log in short, and which of them tell of a fault.

use fluxgate_core::app::JOB_TARGET;
use serde_json::Value;

pub(super) const REQUEST: &str = "fluxgate::request";
/// What lines say that tell of a fault at the level info.
const TASK_ENDED: &str = "task ended";
const CALLBACK_FAILED: &str = "callback attempt failed";

/// What an event says itself, else what is around it.
pub(super) fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    let own = line[name].as_str();
    own.or_else(|| line["span"][name].as_str())
        .filter(|value| !value.is_empty())
}

/// What was asked for, and how it was answered.
pub(super) fn answered(line: &Value) -> String {
    let get = |name| field(line, name).unwrap_or("?");
    let route = field(line, "http.route").or_else(|| field(line, "http.path"));
    format!(
        "{} {} was answered with {} after {} ms",
        get("http.method"),
        route.unwrap_or("?"),
        line["http.status"],
        line["duration_ms"]
    )
}

/// Whether a request was answered with a status of an error.
pub(super) fn is_refused(line: &Value) -> bool {
    line["http.status"]
        .as_u64()
        .is_some_and(|status| status >= 400)
}

/// One that changed nothing, and whose task may be another tenant's.
pub(super) fn is_refused_read(line: &Value) -> bool {
    let is_read = matches!(field(line, "http.method"), Some("GET" | "HEAD"));
    line["target"] == REQUEST && is_read && is_refused(line)
}

/// How the task failed, else the last line that tells of something that went wrong, and whether it
/// is over.
pub(super) fn last_fault(lines: &[Value]) -> Option<String> {
    let last = |kind: fn(&Value) -> bool| lines.iter().rposition(kind);
    let kinds = [is_failed_end, is_loud, is_failed_callback, is_job_with_code];
    let at = kinds.into_iter().find_map(last)?;
    let (fault, later) = (&lines[at], &lines[at + 1..]);
    let is_over = !is_failed_callback(fault) && later.iter().any(|line| completes(line, fault));
    let ending = if is_over {
        "; it went on, and completed"
    } else {
        ""
    };
    Some(cause(fault) + ending)
}

/// Whether the task that the fault is about completed by this line.
fn completes(line: &Value, fault: &Value) -> bool {
    line["message"] == TASK_ENDED
        && line["state"] == "completed"
        && field(line, "task.id") == field(fault, "task.id")
}

fn is_failed_end(line: &Value) -> bool {
    let state = line["state"].as_str();
    line["message"] == TASK_ENDED && matches!(state, Some("failed" | "timeout"))
}

fn is_loud(line: &Value) -> bool {
    matches!(line["level"].as_str(), Some("ERROR" | "WARN"))
}

/// A receiver that fails is its tenant's matter, and its line no warning.
fn is_failed_callback(line: &Value) -> bool {
    line["message"] == CALLBACK_FAILED
}

fn is_job_with_code(line: &Value) -> bool {
    line["target"] == JOB_TARGET && field(line, "error.code").is_some()
}

/// Where something happened.
const PLACE: [&str; 4] = ["lane", "job", "outcome", "attempt"];
/// What happened, and why.
const REASON: [&str; 9] = [
    "delivery.id",
    "number",
    "status",
    "class",
    "next",
    "state",
    "error.code",
    "reason",
    "error",
];

/// A line in short: what happened, where, and why.
pub(super) fn told(line: &Value) -> String {
    if line["target"] == REQUEST {
        return answered(line);
    }
    let message = line["message"].as_str().unwrap_or_default();
    let details = PLACE.iter().chain(&REASON);
    details.fold(message.to_owned(), |text, name| match detail(line, name) {
        Some(detail) => format!("{text} {detail}"),
        None => text,
    })
}

/// The same of what went wrong, without where.
fn cause(line: &Value) -> String {
    let message = line["message"].as_str().unwrap_or_default();
    let message = match field(line, "job") {
        Some(job) if line["target"] == JOB_TARGET => match field(line, "outcome") {
            Some("dead") => format!("the {job} job was given up"),
            _ => format!("the {job} job goes on later"),
        },
        _ => message.to_owned(),
    };
    let details: Vec<String> = REASON
        .iter()
        .filter_map(|name| detail(line, name))
        .collect();
    if details.is_empty() {
        message
    } else {
        format!("{message}: {}", details.join(", "))
    }
}

fn detail(line: &Value, name: &str) -> Option<String> {
    let own = [&line[name], &line["span"][name]];
    let value = own.into_iter().find(|value| !value.is_null())?;
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    Some(format!("{name}={text}"))
}
