//! An OpenTelemetry collector that remembers what it is sent, or one that never answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;
use tokio::net::TcpListener;

/// One span, with its ids as text.
#[derive(Debug, Clone)]
pub struct SentSpan {
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    /// Empty for a span that has none.
    pub parent_id: String,
    pub attributes: BTreeMap<String, String>,
    /// The attributes of who sent it.
    pub resource: BTreeMap<String, String>,
}

#[derive(Default)]
struct Received {
    spans: Vec<SentSpan>,
    metrics: Vec<String>,
    /// Of the last request.
    headers: HeaderMap,
    /// All bodies, as they came.
    bodies: Vec<Bytes>,
}

/// Runs until the test ends.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Received>>::default();
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(received.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, received }
    }

    /// Accepts connections, and says nothing.
    pub async fn hanging() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok(connection) = listener.accept().await {
                held.push(connection);
            }
        });
        url
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap()
    }

    pub fn spans(&self) -> Vec<SentSpan> {
        self.received().spans.clone()
    }

    /// The names of metrics so far.
    pub fn metrics(&self) -> Vec<String> {
        self.received().metrics.clone()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let received = self.received();
        Some(received.headers.get(name)?.to_str().unwrap().to_owned())
    }

    /// Whether this text is anywhere in what was sent.
    pub fn was_told(&self, text: &str) -> bool {
        let received = self.received();
        let mut bodies = received.bodies.iter();
        bodies.any(|body| body.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

type Shared = State<Arc<Mutex<Received>>>;

async fn traces(State(received): Shared, headers: HeaderMap, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut received = received.lock().unwrap();
    received.headers = headers;
    received.bodies.push(body);
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default().attributes;
        let resource = texts(resource);
        let spans = of_resource.scope_spans.into_iter();
        received
            .spans
            .extend(spans.flat_map(|scope| scope.spans).map(|span| SentSpan {
                name: span.name,
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                attributes: texts(span.attributes),
                resource: resource.clone(),
            }));
    }
    StatusCode::OK
}

async fn metrics(State(received): Shared, body: Bytes) -> StatusCode {
    let request = ExportMetricsServiceRequest::decode(body.clone()).unwrap();
    let mut received = received.lock().unwrap();
    received.bodies.push(body);
    let scopes = request.resource_metrics.into_iter();
    let scopes = scopes.flat_map(|of_resource| of_resource.scope_metrics);
    let names = scopes
        .flat_map(|scope| scope.metrics)
        .map(|metric| metric.name);
    received.metrics.extend(names);
    StatusCode::OK
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = attributes.into_iter();
    pairs.map(|pair| (pair.key, text(pair.value))).collect()
}
