//! A tenant's system that listens for events and verifies them with the Standard Webhooks library.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One received request, verified or not.
#[derive(Debug, Clone)]
struct Arrival {
    task: String,
    verified: bool,
}

pub(super) struct Receiver {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    verifier: OnceLock<Webhook>,
    arrivals: watch::Sender<Vec<Arrival>>,
}

/// What is known about a task's callback.
pub(super) struct Callback {
    pub(super) attempts: usize,
}

impl Receiver {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("the demo's receiver cannot listen")?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            verifier: OnceLock::new(),
            arrivals: watch::Sender::new(Vec::new()),
        });
        let router = Router::new()
            .route("/events", post(receive))
            .with_state(shared.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { addr, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/events", self.addr)
    }

    /// The secret from the endpoint's registration.
    pub(super) fn expect_secret(&self, secret: &str) -> Result<()> {
        let verifier = Webhook::new(secret)
            .context("the endpoint's secret is not a Standard Webhooks secret")?;
        drop(self.shared.verifier.set(verifier));
        Ok(())
    }

    /// Waits for a verified event of this task.
    pub(super) async fn verified_event(&self, task: &str, within: Duration) -> Result<Callback> {
        let mut arrivals = self.shared.arrivals.subscribe();
        let verified = arrivals.wait_for(|all| {
            all.iter()
                .any(|arrival| arrival.task == task && arrival.verified)
        });
        let all = tokio::time::timeout(within, verified)
            .await
            .context("no callback with a valid signature came")??
            .clone();
        Ok(Callback {
            attempts: all.iter().filter(|arrival| arrival.task == task).count(),
        })
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let verified = shared
        .verifier
        .get()
        .is_some_and(|verifier| verifier.verify(&body, &headers).is_ok());
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let task = event
        .pointer("/data/id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    shared
        .arrivals
        .send_modify(|all| all.push(Arrival { task, verified }));
    if verified {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    }
}
