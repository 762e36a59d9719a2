//! The load: a number of connections, each sending its next request once the last was answered.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Measured;

/// After this a task counts as lost, and the benchmark fails.
const TASK_MAX: Duration = Duration::from_secs(60);

/// One request, sent over and over.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) url: String,
    pub(super) token: String,
    pub(super) model: &'static str,
    pub(super) body: String,
}

/// The part of a response that is read.
#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    id: String,
}

impl Load {
    pub(super) async fn run(&self, connections: usize, duration: Duration) -> Result<Measured> {
        self.drive(connections, duration, None).await
    }

    /// Counts a task once its callback has arrived.
    pub(super) async fn run_until_told(
        &self,
        tasks: usize,
        duration: Duration,
        callbacks: &Callbacks,
    ) -> Result<Measured> {
        self.drive(tasks, duration, Some(callbacks.waiting.clone()))
            .await
    }

    async fn drive(
        &self,
        connections: usize,
        duration: Duration,
        waiting: Option<Waiting>,
    ) -> Result<Measured> {
        let http = http_client(connections)?;
        let started = Instant::now();
        let deadline = started + duration;
        let mut lanes = JoinSet::new();
        for _ in 0..connections {
            lanes.spawn(lane(self.clone(), http.clone(), deadline, waiting.clone()));
        }
        let mut latencies = Vec::new();
        while let Some(lane) = lanes.join_next().await {
            latencies.extend(lane.context("the task of one connection failed")??);
        }
        Ok(Measured::of(latencies, started.elapsed()))
    }

    /// One submit; answers the task's id.
    pub(super) async fn once(&self, http: &reqwest::Client) -> Result<String> {
        let request = http
            .post(format!("{}/api/v3/{}", self.url, self.model))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(self.body.clone());
        let response = request.send().await.context("a request failed")?;
        if response.status() != 200 {
            bail!(
                "a request was answered {}: {}",
                response.status(),
                response.text().await.unwrap_or_default()
            );
        }
        let answer: Answer = serde_json::from_slice(&response.bytes().await?)
            .context("a response could not be read")?;
        Ok(answer.data.id)
    }
}

pub(super) fn http_client(connections: usize) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .pool_max_idle_per_host(connections)
        .tcp_nodelay(true)
        .no_proxy()
        .timeout(TASK_MAX)
        .build()
        .context("cannot build the load's HTTP client")
}

async fn lane(
    load: Load,
    http: reqwest::Client,
    deadline: Instant,
    waiting: Option<Waiting>,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while Instant::now() < deadline {
        let started = Instant::now();
        let id = load.once(&http).await?;
        if let Some(waiting) = &waiting {
            told(waiting, id).await?;
        }
        latencies.push(started.elapsed());
    }
    Ok(latencies)
}

async fn told(waiting: &Waiting, id: String) -> Result<()> {
    let receiver = {
        let mut waiting = waiting
            .lock()
            .expect("no code panics while it holds the map");
        match waiting.remove(&id) {
            Some(Told::Already) => return Ok(()),
            _ => {
                let (sender, receiver) = oneshot::channel();
                waiting.insert(id.clone(), Told::Waiting(sender));
                receiver
            }
        }
    };
    let outcome = tokio::time::timeout(TASK_MAX, receiver).await;
    outcome
        .with_context(|| {
            format!(
                "task {id} was not announced within {} s",
                TASK_MAX.as_secs()
            )
        })?
        .context("the receiver stopped")
}

enum Told {
    /// The callback came before the response to the submit had been read.
    Already,
    Waiting(oneshot::Sender<()>),
}

type Waiting = Arc<Mutex<HashMap<String, Told>>>;

/// Receives the callbacks of the whole-task measurement.
pub(super) struct Callbacks {
    addr: SocketAddr,
    waiting: Waiting,
}

#[derive(Deserialize)]
struct Event {
    data: Data,
}

impl Callbacks {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("the receiver cannot listen")?;
        let addr = listener.local_addr()?;
        let waiting = Waiting::default();
        let router = Router::new()
            .route("/events", post(receive))
            .with_state(waiting.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { addr, waiting })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/events", self.addr)
    }
}

async fn receive(State(waiting): State<Waiting>, body: Bytes) -> StatusCode {
    let Ok(event) = serde_json::from_slice::<Event>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut waiting = waiting
        .lock()
        .expect("no code panics while it holds the map");
    match waiting.remove(&event.data.id) {
        Some(Told::Waiting(sender)) => drop(sender.send(())),
        _ => drop(waiting.insert(event.data.id, Told::Already)),
    }
    StatusCode::NO_CONTENT
}

impl Measured {
    fn of(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        let at = |quantile: f64| {
            let index = (latencies.len() as f64 * quantile) as usize;
            latencies
                .get(index.min(latencies.len().saturating_sub(1)))
                .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        Self {
            count: latencies.len() as u64,
            per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            memory_mb: 0.0,
            commits: 0,
        }
    }

    pub(super) fn with_memory(self, memory_mb: f64) -> Self {
        Self { memory_mb, ..self }
    }
}
