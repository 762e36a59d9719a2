//! The client of the collector: our own TLS, no redirects, a bound on time and on what is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

/// What is read of an answer: it says how many were refused, at most.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Collector {
    http: reqwest::Client,
    /// The exporters call from threads of their own.
    runtime: Handle,
    /// Requests in a row that failed.
    failures: Arc<AtomicU64>,
}

impl Collector {
    pub(super) fn new(timeout: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(timeout)
            .timeout(timeout)
            .build()?;
        Ok(Self {
            http,
            runtime: Handle::current(),
            failures: Arc::default(),
        })
    }

    /// One line when it begins to fail, and one when it works again.
    fn note(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let why = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status().as_u16())),
            Err(error) => Some(error.to_string()),
        };
        let Some(why) = why else {
            let failed = self.failures.swap(0, Ordering::Relaxed);
            if failed > 0 {
                tracing::info!(
                    failed,
                    "the OpenTelemetry collector takes spans and metrics again"
                );
            }
            return;
        };
        if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                error = why,
                "the OpenTelemetry collector does not take spans and metrics; they are dropped until it does"
            );
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = send(self.http.clone(), request);
        let sent = match self.runtime.spawn(sending).await {
            Ok(sent) => sent,
            Err(error) => Err(HttpError::from(error)),
        };
        self.note(&sent);
        sent
    }
}

async fn send(
    http: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request).map_err(reqwest::Error::without_url)?;
    let answered = http.execute(request).await;
    let mut answer = answered.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("its answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response::builder()
        .status(answer.status())
        .body(Bytes::from(body))?)
}
