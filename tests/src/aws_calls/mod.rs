//! A proxy that records each call to AWS: the function, the operation and what AWS would bill.

mod units;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;

pub use units::{ReadUnits, WriteUnits};
use units::{read_units, write_keys, write_units};

/// One call of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsCall {
    pub function: String,
    /// As in an IAM policy: `dynamodb:PutItem`, `s3:PutObject`.
    pub action: String,
    /// The actions that allow it.
    pub needs: Vec<String>,
    pub status: u16,
    pub read_units: ReadUnits,
    pub write_units: WriteUnits,
    /// It sends a message with a group; SQS charges more for that.
    pub is_fair: bool,
}

/// The record of all calls. Clones share it.
#[derive(Clone)]
pub struct AwsCalls {
    ministack: String,
    http: reqwest::Client,
    calls: Arc<Mutex<Vec<AwsCall>>>,
}

#[derive(Clone)]
struct Way {
    calls: AwsCalls,
    function: String,
}

impl AwsCalls {
    pub fn of(ministack: &str) -> Self {
        Self {
            ministack: ministack.to_owned(),
            http: reqwest::Client::new(),
            calls: Arc::default(),
        }
    }

    /// An endpoint for one function, which passes everything on.
    pub async fn endpoint_for(&self, function: &str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let way = Way {
            calls: self.clone(),
            function: function.to_owned(),
        };
        let router = Router::new()
            .fallback(pass)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(way);
        tokio::spawn(axum::serve(listener, router).into_future());
        endpoint
    }

    /// Everything so far, in order of the answers.
    pub fn all(&self) -> Vec<AwsCall> {
        self.calls.lock().unwrap().clone()
    }

    /// Begins anew.
    pub fn clear(&self) {
        self.calls.lock().unwrap().clear();
    }

    /// How often each action was called by anybody.
    pub fn by_action(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.all() {
            *counts.entry(call.action).or_default() += 1;
        }
        counts
    }

    async fn forward(
        &self,
        method: &Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> (u16, HeaderMap, Bytes) {
        let url = format!("{}{uri}", self.ministack);
        let sent = self
            .http
            .request(method.clone(), url)
            .headers(headers)
            .body(body)
            .send()
            .await;
        let answer = sent.expect("ministack answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (
            status,
            headers,
            answer.bytes().await.expect("ministack ends its answers"),
        )
    }

    /// Items as they lie in the table, for what a write is billed by.
    async fn items(&self, keys: &[(String, Value)]) -> Vec<Option<Value>> {
        let mut items = Vec::new();
        for (table, key) in keys {
            let question =
                serde_json::json!({ "TableName": table, "Key": key, "ConsistentRead": true });
            let request = self
                .http
                .post(&self.ministack)
                .header("x-amz-target", "DynamoDB_20120810.GetItem")
                .header("content-type", "application/x-amz-json-1.0")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
                )
                .body(question.to_string());
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            items.push(answer.get("Item").cloned());
        }
        items
    }
}

async fn pass(
    State(way): State<Way>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let action = action(&method, &uri, &headers, &body);
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let keys = write_keys(&action, &question);
    let before = way.calls.items(&keys).await;
    let (status, headers, answer) = way.calls.forward(&method, &uri, headers, body).await;
    let after = way.calls.items(&keys).await;
    let call = AwsCall {
        function: way.function.clone(),
        read_units: read_units(
            &action,
            &question,
            &serde_json::from_slice(&answer).unwrap_or_default(),
        ),
        write_units: write_units(&action, &before, &after),
        is_fair: names_group(&question),
        needs: needs(&action, &question),
        action,
        status,
    };
    way.calls.calls.lock().unwrap().push(call);
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, headers, answer).into_response()
}

/// A transaction is allowed by the actions of its items, and a batch of messages by that of one.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
fn needs(action: &str, question: &Value) -> Vec<String> {
    match action {
        "dynamodb:TransactWriteItems" => {
            let writes = question["TransactItems"].as_array().into_iter().flatten();
            let kinds = writes.filter_map(|write| write.as_object()?.keys().next());
            let mut needs: Vec<String> = kinds.map(|kind| format!("dynamodb:{kind}Item")).collect();
            needs.sort();
            needs.dedup();
            needs
        }
        "sqs:SendMessageBatch" => vec!["sqs:SendMessage".to_owned()],
        action => vec![action.to_owned()],
    }
}

fn names_group(question: &Value) -> bool {
    let entries = question["Entries"].as_array().into_iter().flatten();
    entries
        .chain([question])
        .any(|message| message["MessageGroupId"].is_string())
}

fn action(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> String {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    match target.split_once('.') {
        Some(("AmazonSQS", operation)) => format!("sqs:{operation}"),
        Some(("secretsmanager", operation)) => format!("secretsmanager:{operation}"),
        Some((service, operation)) if service.starts_with("DynamoDB") => {
            format!("dynamodb:{operation}")
        }
        _ if body.starts_with(b"Action=AssumeRole&") => "sts:AssumeRole".to_owned(),
        _ => s3_action(method, uri),
    }
}

fn s3_action(method: &Method, uri: &Uri) -> String {
    let is_object = uri.path().trim_start_matches('/').contains('/');
    match (method, is_object) {
        (&Method::PUT, true) | (&Method::POST, true) => "s3:PutObject".to_owned(),
        (&Method::GET | &Method::HEAD, true) => "s3:GetObject".to_owned(),
        (&Method::DELETE, true) => "s3:AbortMultipartUpload".to_owned(),
        _ => format!("unknown {method} {}", uri.path()),
    }
}
