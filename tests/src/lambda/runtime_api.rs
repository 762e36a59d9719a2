//! The server side of Lambda's runtime API, for the processes of one function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// The result of one invocation.
pub(super) type Outcome = Result<Value, String>;

/// An event on its way to a process.
struct Invocation {
    id: String,
    event: Value,
    answer: oneshot::Sender<Outcome>,
}

#[derive(Clone)]
pub(super) struct RuntimeApi {
    addr: SocketAddr,
    events: mpsc::UnboundedSender<Invocation>,
    state: Arc<Shared>,
}

struct Shared {
    waiting: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    /// How often a process asked for an event: how often one became ready.
    polls: std::sync::atomic::AtomicUsize,
    timeout: Duration,
}

impl RuntimeApi {
    pub(super) async fn start(timeout: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (events, waiting) = mpsc::unbounded_channel();
        let (waiting, running, polls) = (
            AsyncMutex::new(waiting),
            Mutex::default(),
            Default::default(),
        );
        let state = Arc::new(Shared {
            waiting,
            running,
            polls,
            timeout,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(state.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self {
            addr,
            events,
            state,
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn polls(&self) -> usize {
        self.state.polls.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Hands the event to a process and waits for its answer, as long as the function may take.
    pub(super) async fn invoke(&self, id: &str, event: Value) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.events
            .send(Invocation {
                id: id.to_owned(),
                event,
                answer,
            })
            .expect("the runtime API lives");
        match tokio::time::timeout(self.state.timeout, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("Runtime.ExitError".to_owned()),
            Err(_) => Err("Sandbox.Timedout".to_owned()),
        }
    }

    /// An event fails when its process ends before it answers.
    pub(super) fn fail_running(&self) {
        self.state.running.lock().unwrap().clear();
    }
}

async fn next(State(state): State<Arc<Shared>>) -> Response {
    state
        .polls
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let Some(invocation) = state.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemTime::now() + state.timeout;
    let deadline_ms = deadline
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis()
        .to_string();
    state
        .running
        .lock()
        .unwrap()
        .insert(invocation.id.clone(), invocation.answer);
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", invocation.id),
        ("Lambda-Runtime-Deadline-Ms", deadline_ms),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        ),
        (
            "Lambda-Runtime-Trace-Id",
            "Root=1-5e1b4151-5ac6c58f3375aa3c7c6b73c9".to_owned(),
        ),
    ];
    (headers, invocation.event.to_string()).into_response()
}

async fn response(
    State(state): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
    conclude(&state, &id, Ok(answer))
}

async fn error(
    State(state): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    conclude(
        &state,
        &id,
        Err(String::from_utf8_lossy(&body).into_owned()),
    )
}

fn conclude(state: &Shared, id: &str, outcome: Outcome) -> StatusCode {
    // An invocation without a waiting caller has timed out.
    if let Some(answer) = state.running.lock().unwrap().remove(id) {
        drop(answer.send(outcome));
    }
    StatusCode::ACCEPTED
}
