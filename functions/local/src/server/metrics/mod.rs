//! `/metrics`, in the text format of Prometheus: what the core counts, what the store and the
//! buckets know, and the process. Answers on the API's listener and, if asked for, on one of its
//! own.

mod own;
mod process;
mod recorder;
mod source;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fluxgate_core::series;
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::Objects;
use fluxgate_listen::{ConnectionBounds, Listening, RequestBody};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::otlp;
pub use own::METRICS as OWN_METRICS;
pub use process::METRICS as PROCESS_METRICS;
use source::Source;

/// What was measured is added up this often, whether or not anybody asks for it.
const UPKEEP: Duration = Duration::from_secs(5);
/// Connections to the listener for metrics alone: a few scrapers.
const SCRAPERS_MAX: usize = 32;

/// What `/metrics` tells.
#[derive(Clone)]
pub(super) struct Metrics(Arc<Source>);

impl Metrics {
    /// Must be made before anything is counted and before any task changes.
    pub(super) async fn begin(store: &SqliteStore, objects: &Objects) -> Result<Self> {
        recorder::install();
        let source = Source::new(store.clone(), objects.clone());
        source.count_live_tasks().await?;
        Ok(Self(Arc::new(source)))
    }

    pub(super) fn router(&self) -> Router {
        let source = self.0.clone();
        let text = move || {
            let source = source.clone();
            async move { text(&source).await }
        };
        Router::new().route("/metrics", get(text))
    }

    /// Serves `/metrics` without a token, and nothing else.
    pub(super) fn listen(&self, listener: TcpListener) -> Result<Listening> {
        let router = self.router();
        let bounds = ConnectionBounds {
            open_max: SCRAPERS_MAX,
            open_per_address_max: SCRAPERS_MAX,
            ..ConnectionBounds::default()
        };
        let answer =
            move |request: Request<RequestBody>| router.clone().oneshot(request.map(Body::new));
        Listening::start(listener, bounds, answer).context("cannot serve /metrics")
    }

    /// Adds up until it is dropped.
    pub(super) async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            recorder::run_upkeep();
            // Nobody scrapes for a collector.
            if otlp::meter().is_some() {
                self.0.refresh().await;
            }
        }
    }
}

pub(super) fn bind(address: SocketAddr) -> Result<TcpListener> {
    fluxgate_listen::bind(address).with_context(|| {
        format!(
            "cannot listen for metrics on {address}; choose another address with --metrics-listen"
        )
    })
}

async fn text(source: &Source) -> impl IntoResponse + use<> {
    source.refresh().await;
    let content_type = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let (name, help) = (own::COMMIT_SECONDS, own::COMMIT_SECONDS_HELP);
    let commits = process::told(name, "counter", help, source.commit_seconds());
    (
        content_type,
        recorder::render() + &commits + &process::text(),
    )
}

/// Measures how long an answer takes to begin.
pub(super) async fn timed<E>(
    method: Method,
    answer: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let started = Instant::now();
    let answer = answer.await;
    if let Ok(response) = &answer {
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let labels = [
            method_label(&method),
            status_label(response.status().as_u16()),
        ];
        series::HTTP_DURATION.observe_ms(&labels, took_ms);
    }
    answer
}

/// A client may invent others.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn status_label(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
