//! A provider whose models and outputs are the test's own. It speaks the provider's protocol, ends
//! every run at once and sends no webhooks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A file that an output's URL leads to.
#[derive(Debug, Clone)]
pub struct OutputFile {
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
    /// The announced length, if more bytes are announced than ever come.
    pub announced: Option<u64>,
}

impl OutputFile {
    pub fn new(content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type,
            bytes: bytes.into(),
            announced: None,
        }
    }
}

#[derive(Default)]
struct Inner {
    models: Vec<Value>,
    outputs: Value,
    files: HashMap<String, OutputFile>,
    runs: HashMap<String, Value>,
    submitted: Vec<Value>,
    unit_price: Value,
    quotes: Vec<Value>,
}

/// Runs until the test ends.
#[derive(Clone)]
pub struct OtherProvider {
    pub base_url: String,
    inner: Arc<Mutex<Inner>>,
}

/// The catalogue's entry of a model that takes a prompt for a dollar.
pub fn entry(id: &str, model_type: &str) -> Value {
    json!({
        "model_id": id, "name": id, "type": model_type, "base_price": 1, "formula": "",
        "api_schema": { "api_schemas": [{ "type": "model_run", "method": "POST",
            "request_schema": { "type": "object", "required": ["prompt"], "properties": {
                "prompt": { "type": "string" }
            } } }] }
    })
}

impl OtherProvider {
    pub async fn start(models: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let provider = Self {
            base_url: format!("http://{address}"),
            inner: Arc::default(),
        };
        provider.inner().models = models;
        tokio::spawn(axum::serve(listener, router(provider.clone())).into_future());
        provider
    }

    /// What the runs submitted from now on produce; a text `file:NAME` stands for the URL of the
    /// file of that name.
    pub fn produce(&self, outputs: Value) {
        self.inner().outputs = self.with_urls(outputs);
    }

    pub fn put_file(&self, name: &str, file: OutputFile) {
        self.inner().files.insert(name.to_owned(), file);
    }

    /// What every quote says from now on; an answer that nobody can read unless it is a number.
    pub fn quote_at(&self, unit_price: Value) {
        self.inner().unit_price = unit_price;
    }

    /// The questions about prices, as they came.
    pub fn quotes(&self) -> Vec<Value> {
        self.inner().quotes.clone()
    }

    /// The inputs of the runs, as they came.
    pub fn submitted(&self) -> Vec<Value> {
        self.inner().submitted.clone()
    }

    fn with_urls(&self, value: Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix("file:") {
                Some(name) => json!(format!("{}/files/{name}", self.base_url)),
                None => json!(text),
            },
            Value::Array(values) => values.into_iter().map(|one| self.with_urls(one)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (name, self.with_urls(value)))
                .collect(),
            other => other,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }
}

fn router(provider: OtherProvider) -> Router {
    Router::new()
        .route("/api/v3/models", get(models))
        .route("/api/v3/model/pricing", post(pricing))
        .route("/api/v3/predictions/{id}/result", get(result))
        .route("/api/v3/predictions", post(list))
        .route("/api/v3/balance", get(balance))
        .route("/files/{name}", get(file))
        .fallback(submit)
        .with_state(provider)
}

fn success(data: &Value) -> Response {
    Json(json!({ "code": 200, "message": "success", "data": data })).into_response()
}

async fn models(State(provider): State<OtherProvider>) -> Response {
    success(&Value::Array(provider.inner().models.clone()))
}

async fn balance() -> Response {
    success(&json!({ "balance": 1000 }))
}

async fn list() -> Response {
    success(&json!({ "page": 1, "items": [] }))
}

async fn pricing(State(provider): State<OtherProvider>, Json(question): Json<Value>) -> Response {
    let mut inner = provider.inner();
    inner.quotes.push(question.clone());
    if inner.unit_price.is_null() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    success(&json!({ "model_id": question["model_id"], "unit_price": inner.unit_price }))
}

async fn submit(State(provider): State<OtherProvider>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let Some(model) = path.strip_prefix("/api/v3/") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let body = body.unwrap_or_default();
    let mut inner = provider.inner();
    inner
        .submitted
        .push(serde_json::from_slice(&body).unwrap_or_default());
    let id = format!("{:032x}", inner.runs.len() + 1);
    let run = json!({ "id": id, "model": model, "status": "completed", "outputs": inner.outputs });
    inner.runs.insert(id.clone(), run);
    success(&json!({ "id": id, "model": model, "status": "created", "outputs": [] }))
}

async fn result(State(provider): State<OtherProvider>, Path(id): Path<String>) -> Response {
    match provider.inner().runs.get(&id) {
        Some(run) => success(run),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn file(State(provider): State<OtherProvider>, Path(name): Path<String>) -> Response {
    let Some(file) = provider.inner().files.get(&name).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let length = file.announced.unwrap_or(file.bytes.len() as u64);
    let headers = [
        (header::CONTENT_TYPE, file.content_type.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    // A stream, so that the announced length is not corrected.
    let bytes = std::io::Result::Ok(Bytes::from(file.bytes));
    let sent = stream::once(async move { bytes });
    let body = match file.announced {
        Some(_) => Body::from_stream(sent.chain(stream::pending())),
        None => Body::from_stream(sent),
    };
    (headers, body).into_response()
}
