//! A Secrets Manager with the answers that AWS's gives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use fluxgate_aws::AwsSettings;
use serde_json::{Value, json};

use crate::serving::Serving;

#[derive(Clone, Copy)]
pub(crate) enum Kept {
    Text(&'static str),
    Binary,
    Denied,
    /// Its key in KMS is denied.
    Locked,
    Down,
}

pub(crate) struct SecretsServer {
    serving: Serving,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    kept: Mutex<HashMap<String, Kept>>,
    calls: Mutex<usize>,
    /// What was put, the last one last: the version's id and the text.
    put: Mutex<Vec<(String, String)>>,
}

impl SecretsServer {
    pub(crate) async fn start(name: &str, kept: Kept) -> Self {
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/", post(answer))
            .with_state(shared.clone());
        let server = Self {
            serving: Serving::start(router).await,
            shared,
        };
        server.keep(name, kept);
        server
    }

    pub(crate) fn settings(&self) -> AwsSettings {
        self.serving.settings()
    }

    pub(crate) fn keep(&self, name: &str, kept: Kept) {
        self.shared
            .kept
            .lock()
            .unwrap()
            .insert(name.to_owned(), kept);
    }

    pub(crate) fn calls(&self) -> usize {
        *self.shared.calls.lock().unwrap()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    let question: Value = serde_json::from_str(&body).unwrap();
    if headers["x-amz-target"] == "secretsmanager.PutSecretValue" {
        return put(&shared, &question);
    }
    assert_eq!(headers["x-amz-target"], "secretsmanager.GetSecretValue");
    *shared.calls.lock().unwrap() += 1;
    if let Some((version, text)) = shared.put.lock().unwrap().last() {
        let answer = json!({"SecretString": text, "VersionId": version});
        return (StatusCode::OK, Json(answer));
    }
    let name = question["SecretId"].as_str().unwrap();
    let kept = shared.kept.lock().unwrap().get(name).copied();
    let refusal = |status, code: &str| {
        (
            status,
            Json(json!({"__type": code, "Message": "AWS's own words"})),
        )
    };
    match kept {
        Some(Kept::Text(text)) => (
            StatusCode::OK,
            Json(json!({"Name": name, "SecretString": text})),
        ),
        Some(Kept::Binary) => (
            StatusCode::OK,
            Json(json!({"Name": name, "SecretBinary": "AAEC"})),
        ),
        Some(Kept::Denied) => refusal(StatusCode::BAD_REQUEST, "AccessDeniedException"),
        Some(Kept::Locked) => refusal(StatusCode::BAD_REQUEST, "DecryptionFailure"),
        Some(Kept::Down) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError"),
        None => refusal(StatusCode::BAD_REQUEST, "ResourceNotFoundException"),
    }
}

/// A version's id is given once: with another value it is refused.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
fn put(shared: &Shared, question: &Value) -> (StatusCode, Json<Value>) {
    let text = |name: &str| question[name].as_str().unwrap().to_owned();
    let (version, value) = (text("ClientRequestToken"), text("SecretString"));
    let mut put = shared.put.lock().unwrap();
    if let Some((_, there)) = put.iter().find(|(known, _)| *known == version) {
        if *there == value {
            return (StatusCode::OK, Json(json!({"VersionId": version})));
        }
        let refused = json!({"__type": "ResourceExistsException", "Message": "AWS's own words"});
        return (StatusCode::BAD_REQUEST, Json(refused));
    }
    put.push((version.clone(), value));
    (StatusCode::OK, Json(json!({"VersionId": version})))
}
