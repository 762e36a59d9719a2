//! A tenant's receiver: records requests, and answers as the test sets it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::eventually;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Unix milliseconds of its arrival.
    pub at_ms: i64,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a callback is JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The id of the task it is about, in either dialect.
    pub fn task(&self) -> String {
        let body = self.json();
        let id = body.pointer("/data/id").or_else(|| body.get("id"));
        id.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct Book {
    received: Vec<Received>,
    /// Answers for the next requests; 204 when there is none.
    answers: VecDeque<u16>,
}

#[derive(Clone)]
pub struct LiveReceiver {
    addr: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl LiveReceiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let addr = listener.local_addr().expect("a bound port");
        let book = Arc::new(Mutex::new(Book::default()));
        let router = Router::new()
            .route("/{*path}", any(receive))
            .with_state(book.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { addr, book }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.addr)
    }

    /// The next requests get these statuses, then 204 again.
    pub fn answer(&self, statuses: &[u16]) {
        self.lock().answers.extend(statuses);
    }

    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// Everything that came about one task, once there are at least `count`.
    pub async fn about(&self, task: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} callbacks about {task}"), || async {
            let about: Vec<Received> = self
                .received()
                .into_iter()
                .filter(|received| received.task() == task)
                .collect();
            (about.len() >= count).then_some(about)
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book
            .lock()
            .expect("no code panics while it holds the book")
    }
}

async fn receive(
    State(book): State<Arc<Mutex<Book>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let at_ms = fluxgate_core::port::Clock::now(&fluxgate_core::port::SystemClock).0;
    let mut book = book.lock().expect("no code panics while it holds the book");
    book.received.push(Received {
        headers,
        body,
        at_ms,
    });
    let status = book.answers.pop_front().unwrap_or(204);
    let status = StatusCode::from_u16(status).expect("a test answers with a real status");
    if status.is_redirection() {
        return (status, [(header::LOCATION, "/elsewhere")]).into_response();
    }
    status.into_response()
}
