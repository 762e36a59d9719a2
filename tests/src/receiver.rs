//! A tenant's receiver: records requests, and answers as the test sets it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::eventually;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
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

/// What a request is answered with.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn of(status: u16) -> Self {
        let is_redirection = (300..400).contains(&status);
        let location = is_redirection.then(|| ("location", "/elsewhere".to_owned()));
        Self {
            status,
            headers: location.into_iter().collect(),
            body: String::new(),
        }
    }
}

struct Book {
    received: Vec<Received>,
    /// Answers for the next requests; after them `otherwise`.
    answers: VecDeque<Reply>,
    otherwise: Reply,
    /// While it is true, requests wait for their answer.
    held: watch::Sender<bool>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            received: Vec::new(),
            answers: VecDeque::new(),
            otherwise: Reply::of(204),
            held: watch::Sender::new(false),
        }
    }
}

#[derive(Clone)]
pub struct LiveReceiver {
    addr: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl LiveReceiver {
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub async fn start_at(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).await.expect("a free port");
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
        let replies = statuses.iter().map(|status| Reply::of(*status));
        self.lock().answers.extend(replies);
    }

    /// Every request that no other answer was ordered for gets this one.
    pub fn answer_always(&self, reply: Reply) {
        self.lock().otherwise = reply;
    }

    /// Requests that come from now on wait for their answer, until they are released.
    pub fn hold(&self) {
        self.lock().held.send_replace(true);
    }

    pub fn release(&self) {
        self.lock().held.send_replace(false);
    }

    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// Everything that came to this path, once there are at least `count`.
    pub async fn at(&self, path: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} callbacks at {path}"), || async {
            let at: Vec<Received> = self
                .received()
                .into_iter()
                .filter(|received| received.path.trim_start_matches('/') == path)
                .collect();
            (at.len() >= count).then_some(at)
        })
        .await
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
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let at_ms = fluxgate_core::port::Clock::now(&fluxgate_core::port::SystemClock).0;
    let (reply, mut held) = {
        let mut book = book.lock().expect("no code panics while it holds the book");
        book.received.push(Received {
            path: uri.path().to_owned(),
            headers,
            body,
            at_ms,
        });
        let reply = book.answers.pop_front();
        (
            reply.unwrap_or_else(|| book.otherwise.clone()),
            book.held.subscribe(),
        )
    };
    let released = held.wait_for(|held| !held).await;
    released.expect("the receiver outlives its requests");
    let status = StatusCode::from_u16(reply.status).expect("a test answers with a real status");
    let mut response = (status, reply.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in reply.headers {
        let value = value.parse().expect("a test answers with real headers");
        response.headers_mut().insert(name, value);
    }
    response
}
