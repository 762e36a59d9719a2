//! A way to AWS on which answers get lost and transactions lose to others, and which counts what AWS would bill: a real server
//! between the adapter and ministack.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use fluxgate_aws::AwsSettings;
use serde_json::Value;

use crate::Ministack;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// AWS does what it was asked, and nobody hears of it.
    AnswerLost,
    /// Another transaction writes the same item: AWS does nothing.
    Conflict,
}

#[derive(Clone)]
struct Way {
    to: String,
    faults: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
    write_units: Arc<AtomicU64>,
    contention: Arc<Contention>,
}

/// Items that transactions under way are about; who wants one of them meanwhile loses, as on AWS and not on ministack.
#[derive(Default)]
struct Contention {
    is_on: AtomicBool,
    busy: Mutex<HashSet<String>>,
    conflicts: AtomicU64,
}

/// The way, and what will happen on it.
pub struct FaultyAws {
    pub aws: AwsSettings,
    way: Way,
}

impl FaultyAws {
    pub async fn before(ministack: &Ministack) -> Self {
        let way = Way {
            to: ministack.endpoint().to_owned(),
            faults: Arc::default(),
            write_units: Arc::default(),
            contention: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let router = Router::new().fallback(pass).with_state(way.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut aws = ministack.aws().clone();
        aws.endpoint = Some(format!("http://{address}"));
        Self { aws, way }
    }

    /// The next calls of this operation go wrong, one for each fault.
    pub fn next(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        let mut coming = self.way.faults.lock().unwrap();
        coming.extend(faults.into_iter().map(|fault| (operation, fault)));
    }

    /// What DynamoDB would have billed for writes so far, if no item is larger than a kilobyte.
    pub fn write_units(&self) -> u64 {
        self.way.write_units.load(Ordering::Relaxed)
    }

    /// From now on transactions that overlap in an item conflict.
    pub fn contend(&self) {
        self.way.contention.is_on.store(true, Ordering::Relaxed);
    }

    /// How many transactions lost to others because of it.
    pub fn conflicts(&self) -> u64 {
        self.way.contention.conflicts.load(Ordering::Relaxed)
    }

    /// How many faults have not happened yet.
    pub fn left(&self) -> usize {
        self.way.faults.lock().unwrap().len()
    }
}

impl Way {
    fn fault_of(&self, headers: &HeaderMap) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let next = faults.front().filter(|(operation, _)| *operation == operation_of(headers))?.1;
        faults.pop_front();
        Some(next)
    }
}

impl Contention {
    /// `None` when another transaction has one of the items.
    fn enter(&self, body: &[u8]) -> Option<Vec<String>> {
        let items = if self.is_on.load(Ordering::Relaxed) { items_of(body) } else { Vec::new() };
        let mut busy = self.busy.lock().unwrap();
        if items.iter().any(|item| busy.contains(item)) {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        busy.extend(items.iter().cloned());
        Some(items)
    }

    fn leave(&self, items: &[String]) {
        let mut busy = self.busy.lock().unwrap();
        for item in items {
            busy.remove(item);
        }
    }
}

/// The keys that a transaction writes.
fn items_of(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).expect("the SDK writes JSON");
    let actions = body["TransactItems"].as_array().into_iter().flatten().flat_map(|item| item.as_object().into_iter());
    let keys = actions.flat_map(|item| item.values()).map(|action| {
        let key = if action["Key"].is_null() { &action["Item"] } else { &action["Key"] };
        format!("{}{}", key["pk"], key["sk"])
    });
    keys.collect()
}

/// `DynamoDB_20120810.PutItem` names PutItem.
fn operation_of(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    target.and_then(|target| target.rsplit('.').next()).unwrap_or_default()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>
fn write_units_of(operation: &str, body: &[u8]) -> u64 {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => 1,
        "TransactWriteItems" => {
            let body: Value = serde_json::from_slice(body).expect("the SDK writes JSON");
            2 * body["TransactItems"].as_array().map_or(0, Vec::len) as u64
        }
        _ => 0,
    }
}

async fn pass(State(way): State<Way>, headers: HeaderMap, body: Bytes) -> Response {
    let fault = way.fault_of(&headers);
    if fault == Some(Fault::Conflict) {
        return conflict(&headers);
    }
    let is_transaction = operation_of(&headers) == "TransactWriteItems";
    let Some(items) = way.contention.enter(if is_transaction { &body } else { b"{}" }) else {
        return conflict(&headers);
    };
    way.write_units.fetch_add(write_units_of(operation_of(&headers), &body), Ordering::Relaxed);
    let sent = reqwest::Client::new().post(&way.to).headers(headers).body(body).send().await;
    let answer = sent.expect("ministack answers");
    way.contention.leave(&items);
    if fault == Some(Fault::AnswerLost) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("ministack ends its answers");
    (status, headers, body).into_response()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn conflict(headers: &HeaderMap) -> Response {
    let kind = if operation_of(headers) == "TransactWriteItems" {
        "TransactionCanceledException"
    } else {
        "TransactionConflictException"
    };
    let body = serde_json::json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
    });
    let headers = [("content-type", "application/x-amz-json-1.0")];
    (StatusCode::BAD_REQUEST, headers, body.to_string()).into_response()
}
