//! The reports that a tenant asks for, each about a fixed window, and submits beside them.

use std::time::Instant;

use anyhow::{Context as _, Result};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::children::Gateway;
use super::super::median;
use super::{Extent, size};

const DAY_MS: i64 = 86_400_000;
const PAGE: u32 = 100;

pub(super) struct Report {
    /// In the JSON.
    pub(super) name: &'static str,
    request: fn() -> Request,
}

struct Request {
    method: Method,
    path: String,
    body: Option<Value>,
}

pub(super) const REPORTS: [Report; 7] = [
    Report {
        name: "list",
        request: || get(format!("/v1/tasks?limit={PAGE}")),
    },
    Report {
        name: "predictions",
        request: || post("/api/v3/predictions", page()),
    },
    Report {
        name: "usage",
        request: || get("/v1/usage".to_owned()),
    },
    Report {
        name: "usage_stats",
        request: || post("/api/v3/user/usage_stats", window()),
    },
    Report {
        name: "billings",
        request: || {
            let mut body = page();
            let (from, until) = month();
            body["start_time"] = json!(from.0.to_string());
            body["end_time"] = json!(until.0.to_string());
            post("/api/v3/billings/search", body)
        },
    },
    Report {
        name: "ledger",
        request: || get(format!("/v1/ledger?limit={PAGE}")),
    },
    Report {
        name: "statement",
        request: || get(format!("/v1/statements/{}", &month().0.rfc3339()[..7])),
    },
];

/// Those that run beside submits.
const BESIDE: [&str; 4] = ["usage_stats", "billings", "list", "statement"];

fn get(path: String) -> Request {
    Request {
        method: Method::GET,
        path,
        body: None,
    }
}

fn post(path: &str, body: Value) -> Request {
    Request {
        method: Method::POST,
        path: path.to_owned(),
        body: Some(body),
    }
}

fn page() -> Value {
    json!({ "page": 1, "page_size": PAGE })
}

/// The last thirty days.
fn month() -> (Timestamp, Timestamp) {
    let now = SystemClock.now();
    (Timestamp(now.0 - 30 * DAY_MS), now)
}

/// These and all of today, which the submits of the bench may have filled with more tasks than a
/// window may have beside its whole days.
fn window() -> Value {
    let (from, now) = month();
    let until = Timestamp(now.0 + DAY_MS / 24);
    json!({ "start_time": from.rfc3339(), "end_time": until.rfc3339() })
}

impl Report {
    /// How long it takes, in milliseconds; `None` if it is refused because there is too much to
    /// read.
    pub(super) async fn ask(
        &self,
        http: &reqwest::Client,
        gateway: &Gateway,
    ) -> Result<Option<f64>> {
        let request = (self.request)();
        let mut asked = http
            .request(request.method, format!("{}{}", gateway.url, request.path))
            .bearer_auth(&gateway.token);
        if let Some(body) = &request.body {
            asked = asked
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let started = Instant::now();
        let answer = asked.send().await;
        let answer = answer.with_context(|| format!("'{}' was not answered", self.name))?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if status.is_success() {
            return Ok(Some(started.elapsed().as_secs_f64() * 1e3));
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        anyhow::ensure!(
            status == 422 || status == 429,
            "'{}' was answered {status}: {body}",
            self.name
        );
        Ok(None)
    }
}

/// The slowest of a hundred submits, alone and while four reports are asked for without a pause.
pub(super) async fn beside(gateway: &Gateway, extent: Extent) -> Result<Value> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        let order = size::submits(gateway, extent);
        alone.push(order.carry_out().await?.p99_ms);
        let submits = order.carry_out();
        beside.push(tokio::select! {
            answers = submits => answers?.p99_ms,
            stopped = ask_on(gateway) => return stopped.map(|()| Value::Null),
        });
    }
    let ratios = beside
        .iter()
        .zip(&alone)
        .map(|(beside, alone)| beside / alone);
    Ok(json!({
        "p99_ms_without": median(alone.iter().copied()),
        "p99_ms": median(beside.iter().copied()),
        "times_without": median(ratios),
    }))
}

/// Each report over and over; returns only if one fails.
async fn ask_on(gateway: &Gateway) -> Result<()> {
    let chosen = REPORTS
        .iter()
        .filter(|report| BESIDE.contains(&report.name));
    let http = reqwest::Client::builder().no_proxy().build()?;
    let asking = chosen.map(|report| async {
        loop {
            report.ask(&http, gateway).await?;
        }
    });
    futures::future::try_join_all(asking)
        .await
        .map(|_: Vec<()>| ())
}
