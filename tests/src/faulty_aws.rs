//! A proxy between the adapter and ministack: it loses answers, makes transactions conflict, and
//! counts what AWS would bill.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use fluxgate_aws::AwsSettings;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::Ministack;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// AWS carries out the call, and its answer is lost.
    AnswerLost,
    /// Another transaction writes the same item: AWS does nothing.
    Conflict,
    /// The table takes no more, as one that is capped: AWS does nothing.
    Throttled,
    /// The next eventually consistent read gets the answer that the same read got before.
    Late,
    /// The call waits on its way until [`FaultyAws::let_go`].
    Held,
    /// The table is described as one that was restored from a backup, which ministack forgets.
    FromBackup,
    /// The table is described as one that is still being made.
    Creating,
}

impl Fault {
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html>
    fn described(self, answer: Bytes) -> Bytes {
        let (name, value) = match self {
            Self::FromBackup => (
                "RestoreSummary",
                json!({ "RestoreDateTime": 1, "RestoreInProgress": false }),
            ),
            Self::Creating => ("TableStatus", json!("CREATING")),
            _ => return answer,
        };
        let mut table: Value = serde_json::from_slice(&answer).expect("ministack answers in JSON");
        table["Table"][name] = value;
        table.to_string().into()
    }
}

#[derive(Clone)]
struct Way {
    to: String,
    http: reqwest::Client,
    faults: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
    write_units: Arc<AtomicU64>,
    contention: Arc<Contention>,
    /// The last answer of each eventually consistent read.
    seen: Arc<Mutex<Vec<(Value, Bytes)>>>,
    /// One permit for each held call that may go on.
    let_go: Arc<Semaphore>,
    holding: Arc<AtomicU64>,
}

/// Items of transactions in progress. Another transaction on one of them conflicts, as on AWS and
/// not on ministack.
#[derive(Default)]
struct Contention {
    is_on: AtomicBool,
    busy: Mutex<HashSet<String>>,
    conflicts: AtomicU64,
}

/// The proxy and its planned faults.
pub struct FaultyAws {
    pub aws: AwsSettings,
    way: Way,
}

impl FaultyAws {
    pub async fn before(ministack: &Ministack) -> Self {
        let way = Way {
            to: ministack.endpoint().to_owned(),
            http: reqwest::Client::new(),
            faults: Arc::default(),
            write_units: Arc::default(),
            contention: Arc::default(),
            seen: Arc::default(),
            let_go: Arc::new(Semaphore::new(0)),
            holding: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
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

    /// How many transactions conflicted because of it.
    pub fn conflicts(&self) -> u64 {
        self.way.contention.conflicts.load(Ordering::Relaxed)
    }

    /// How many calls have been held so far.
    pub fn holding(&self) -> u64 {
        self.way.holding.load(Ordering::Relaxed)
    }

    /// One held call goes on.
    pub fn let_go(&self) {
        self.way.let_go.add_permits(1);
    }

    /// How many faults have not happened yet.
    pub fn left(&self) -> usize {
        self.way.faults.lock().unwrap().len()
    }
}

impl Way {
    fn fault_of(&self, headers: &HeaderMap, question: &Value) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let next = faults
            .front()
            .filter(|(operation, _)| *operation == operation_of(headers))?
            .1;
        if next == Fault::Late && is_consistent(question) {
            return None;
        }
        faults.pop_front();
        Some(next)
    }

    fn late(&self, headers: &HeaderMap, question: &Value) -> Response {
        let seen = self.seen.lock().unwrap();
        let answer = seen
            .iter()
            .rfind(|(asked, _)| asked == question)
            .map(|(_, answer)| answer.clone());
        let answer = answer.unwrap_or_else(|| nothing(operation_of(headers)));
        ([("content-type", "application/x-amz-json-1.0")], answer).into_response()
    }

    fn remember(&self, headers: &HeaderMap, question: Value, answer: &Bytes) {
        if matches!(operation_of(headers), "GetItem" | "BatchGetItem" | "Query")
            && !is_consistent(&question)
        {
            self.seen.lock().unwrap().push((question, answer.clone()));
        }
    }
}

impl Contention {
    /// `None` when another transaction has one of the items.
    fn enter(&self, items: Vec<String>) -> Option<Vec<String>> {
        let items = if self.is_on.load(Ordering::Relaxed) {
            items
        } else {
            Vec::new()
        };
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

/// The keys that a transaction writes; of any other call none.
fn items_of(question: &Value) -> Vec<String> {
    let writes = question["TransactItems"].as_array().into_iter().flatten();
    let actions = writes
        .flat_map(|item| item.as_object().into_iter())
        .flat_map(|item| item.values());
    let keys = actions.map(|action| {
        let key = if action["Key"].is_null() {
            &action["Item"]
        } else {
            &action["Key"]
        };
        format!("{}{}", key["pk"], key["sk"])
    });
    keys.collect()
}

/// `DynamoDB_20120810.PutItem` names PutItem.
fn operation_of(headers: &HeaderMap) -> &str {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    target
        .and_then(|target| target.rsplit('.').next())
        .unwrap_or_default()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>
fn write_units_of(operation: &str, question: &Value) -> u64 {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => 1,
        "TransactWriteItems" => 2 * question["TransactItems"].as_array().map_or(0, Vec::len) as u64,
        _ => 0,
    }
}

async fn pass(State(way): State<Way>, headers: HeaderMap, body: Bytes) -> Response {
    let question: Value = serde_json::from_slice(&body).expect("the SDK writes JSON");
    let fault = way.fault_of(&headers, &question);
    match fault {
        Some(Fault::Conflict) => return conflict(&headers),
        Some(Fault::Throttled) => return throttled(),
        Some(Fault::Late) => return way.late(&headers, &question),
        Some(Fault::Held) => {
            way.holding.fetch_add(1, Ordering::Relaxed);
            way.let_go
                .acquire()
                .await
                .expect("nobody closes it")
                .forget();
        }
        Some(Fault::AnswerLost | Fault::FromBackup | Fault::Creating) | None => {}
    }
    let Some(items) = way.contention.enter(items_of(&question)) else {
        return conflict(&headers);
    };
    way.write_units.fetch_add(
        write_units_of(operation_of(&headers), &question),
        Ordering::Relaxed,
    );
    let sent = way
        .http
        .post(&way.to)
        .headers(headers.clone())
        .body(body)
        .send()
        .await;
    let answer = sent.expect("ministack answers");
    way.contention.leave(&items);
    if fault == Some(Fault::AnswerLost) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let (status, mut answered) = (answer.status(), answer.headers().clone());
    let mut answer = answer.bytes().await.expect("ministack ends its answers");
    way.remember(&headers, question, &answer);
    if let Some(fault) = fault {
        answer = fault.described(answer);
        answered.remove("content-length");
    }
    (status, answered, answer).into_response()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn conflict(headers: &HeaderMap) -> Response {
    let kind = if operation_of(headers) == "TransactWriteItems" {
        "TransactionCanceledException"
    } else {
        "TransactionConflictException"
    };
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
    });
    let headers = [("content-type", "application/x-amz-json-1.0")];
    (StatusCode::BAD_REQUEST, headers, body.to_string()).into_response()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html>
fn throttled() -> Response {
    let body = json!({
        "__type": "com.amazon.coral.availability#ThrottlingException",
        "message": "Throughput exceeds the maximum OnDemandThroughput configured on table or index",
    });
    let headers = [("content-type", "application/x-amz-json-1.0")];
    (StatusCode::BAD_REQUEST, headers, body.to_string()).into_response()
}

/// The answer of a replica that has no items yet.
fn nothing(operation: &str) -> Bytes {
    let answer = match operation {
        "GetItem" => json!({}),
        "BatchGetItem" => json!({ "Responses": {}, "UnprocessedKeys": {} }),
        "Query" => json!({ "Items": [], "Count": 0, "ScannedCount": 0 }),
        other => panic!("{other} reads nothing"),
    };
    answer.to_string().into()
}

fn is_consistent(question: &Value) -> bool {
    let tables = question["RequestItems"].as_object();
    let read = tables
        .and_then(|tables| tables.values().next())
        .unwrap_or(question);
    read["ConsistentRead"] == true
}
