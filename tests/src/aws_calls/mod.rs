//! A proxy that refuses what a function's role does not allow, and records each call to AWS: the
//! function, the operation and what AWS would bill.

mod clock;
mod denial;
mod needs;
mod permissions;
mod policy;
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

pub use clock::AwsClock;
use clock::Clock;
use fluxgate_core::port::{Clock as _, SystemClock};
use needs::{Asked, need};
pub use needs::{log_stream_of, queue_named};
pub use permissions::UnderKey;
use permissions::{Assumed, Permissions};
pub use policy::{Grant, Need, Policy};
pub use units::{ReadUnits, WriteUnits};
use units::{read_units, write_keys, write_units};

/// One call of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsCall {
    pub function: String,
    /// As in an IAM policy: `dynamodb:PutItem`, `s3:PutObject`.
    pub action: String,
    /// The permissions that allow it.
    pub needs: Vec<Need>,
    /// The one that the role lacks; AWS was not asked.
    pub denied: Option<Need>,
    /// What a role was assumed with: its session may do no more.
    pub session_policy: Option<String>,
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
    permissions: Arc<Permissions>,
    clock: Arc<Clock>,
}

#[derive(Clone)]
struct Way {
    calls: AwsCalls,
    function: String,
}

impl AwsCalls {
    /// Without roles everything is allowed.
    pub fn of(ministack: &str) -> Self {
        Self::under_key(ministack, None)
    }

    /// With a secret that lies under a key of the operator's.
    pub fn under_key(ministack: &str, under_key: Option<UnderKey>) -> Self {
        Self {
            ministack: ministack.to_owned(),
            http: reqwest::Client::new(),
            calls: Arc::default(),
            permissions: Arc::new(Permissions::new(under_key)),
            clock: Arc::default(),
        }
    }

    /// What a function's role allows from now on.
    pub fn allow(&self, function: &str, policy: Policy) {
        self.permissions.set(function, policy);
    }

    pub fn policy(&self, function: &str) -> Policy {
        self.permissions
            .of(function)
            .expect("a function has a role")
    }

    /// What was granted to a function and nobody has used so far.
    pub fn unused(&self, function: &str) -> Vec<Grant> {
        self.permissions.unused(function)
    }

    /// The platform does this in the function's role. An error names the permission that lacks.
    pub fn by_platform(&self, function: &str, action: &str, resource: &str) -> Result<(), Need> {
        self.permissions.check(function, &[need(action, resource)])
    }

    /// How AWS's clock goes from now on.
    pub fn set_clock(&self, clock: AwsClock) {
        self.clock.set(clock);
    }

    /// An endpoint for one function, which passes on what its role allows.
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
    let asked = Asked {
        method: &method,
        uri: &uri,
        headers: &headers,
        body: &body,
    };
    let action = asked.action();
    let clock = way.calls.clock.clone();
    if let Some((status, headers, refusal)) = clock.refusal(&action, &headers, SystemClock.now()) {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        return (status, headers, refusal).into_response();
    }
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let permissions = way.calls.permissions.clone();
    let needs = permissions.with_key(asked.needs(&action, &question));
    let mut call = AwsCall {
        function: way.function.clone(),
        action: action.clone(),
        denied: permissions.check_call(&way.function, &asked, &needs).err(),
        needs,
        session_policy: asked.form("Policy").filter(|_| action == "sts:AssumeRole"),
        status: 0,
        read_units: ReadUnits::default(),
        write_units: WriteUnits::default(),
        is_fair: names_group(&question),
    };
    let assumed = Assumed {
        role: asked.form("RoleArn").unwrap_or_default(),
        policy: asked.form("Policy"),
    };
    let (headers, answer) = if let Some(lacking) = &call.denied {
        let (status, headers, answer) = denial::denial(&way.function, lacking);
        call.status = status;
        (headers, Bytes::from(answer))
    } else {
        let keys = write_keys(&action, &question);
        let before = way.calls.items(&keys).await;
        let (status, mut headers, answer) = way.calls.forward(&method, &uri, headers, body).await;
        clock.date(&mut headers, SystemClock.now());
        let after = way.calls.items(&keys).await;
        call.status = status;
        let answered = serde_json::from_slice(&answer).unwrap_or_default();
        call.read_units = read_units(&action, &question, &answered);
        call.write_units = write_units(&action, &before, &after);
        if action == "sts:AssumeRole" {
            let (http, aws) = (&way.calls.http, &way.calls.ministack);
            permissions.assumed(http, aws, &assumed, &answer).await;
        }
        (headers, answer)
    };
    let status = axum::http::StatusCode::from_u16(call.status).unwrap();
    way.calls.calls.lock().unwrap().push(call);
    (status, headers, answer).into_response()
}

fn names_group(question: &Value) -> bool {
    let entries = question["Entries"].as_array().into_iter().flatten();
    entries
        .chain([question])
        .any(|message| message["MessageGroupId"].is_string())
}
