//! The load, in a process of its own and at little cost: bytes that were written before, over bare
//! TCP. Each connection sends its next request once the last was answered, or its task was
//! announced.

mod message;
mod told;

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::process::run_to_end;
use message::Incoming;
use told::Told;

/// After this a request or a task counts as lost, and the benchmark fails.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The load is to take little of the machine from what it measures.
const ONE_THREAD: (&str, &str) = ("TOKIO_WORKER_THREADS", "1");
/// The digits of a request's number in its `Idempotency-Key`.
const DIGITS: usize = 16;

/// What the load is to do.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) address: SocketAddr,
    pub(super) path: String,
    /// Names and values.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) connections: usize,
    pub(super) ms: u64,
    /// So many requests, however long they take: no other bound than that counts.
    pub(super) requests: Option<u64>,
    /// Each request has an `Idempotency-Key` of its own that begins so.
    pub(super) keys: Option<String>,
    /// Where callbacks come: a task counts once its callback has come.
    pub(super) callbacks: Option<SocketAddr>,
}

/// What it found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Answers {
    pub(super) count: u64,
    pub(super) seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// With a single connection, when each callback came, in microseconds of Unix time.
    pub(super) told_us: Vec<u64>,
}

impl Order {
    /// Carries it out in a process of its own.
    pub(super) async fn carry_out(&self) -> Result<Answers> {
        let order = serde_json::to_string(self)?;
        let answers = run_to_end(&["bench-load"], &[ONE_THREAD], order).await;
        let answers = answers.context("the load failed")?;
        serde_json::from_str(&answers).context("the load's answer cannot be read")
    }

    /// The request, and where its number stands.
    fn request(&self) -> (Vec<u8>, Option<usize>) {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", self.path, self.address);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n", self.body.len());
        let number = self.keys.as_ref().map(|keys| {
            head += &format!("idempotency-key: {keys}");
            let at = head.len();
            head += &format!("{:0DIGITS$}\r\n", 0);
            at
        });
        (format!("{head}\r\n{}", self.body).into_bytes(), number)
    }
}

/// `fluxgate bench-load`: an order on the input, answers on the output.
pub(crate) async fn run() -> Result<()> {
    fluxgate_listen::raise_file_limit();
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    let answers = drive(&order).await?;
    super::super::print::line(serde_json::to_string(&answers)?)
}

/// What the connections share.
struct Load {
    order: Order,
    told: Option<Told>,
    /// How many requests have begun.
    begun: AtomicU64,
    deadline: Instant,
}

impl Load {
    /// The number of the next request, or `None` where no more are to be sent.
    fn next(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let goes_on = match self.order.requests {
            Some(requests) => number < requests,
            None => Instant::now() < self.deadline,
        };
        goes_on.then_some(number)
    }
}

/// How long each took, and when it was told of.
#[derive(Default)]
struct Lane {
    took: Vec<Duration>,
    told_us: Vec<u64>,
}

async fn drive(order: &Order) -> Result<Answers> {
    let told = match order.callbacks {
        Some(address) => Some(Told::listen(address).await?),
        None => None,
    };
    let started = Instant::now();
    let load = Arc::new(Load {
        order: order.clone(),
        told,
        begun: AtomicU64::new(0),
        deadline: started + Duration::from_millis(order.ms),
    });
    let mut lanes = JoinSet::new();
    for _ in 0..order.connections {
        lanes.spawn(lane(load.clone()));
    }
    let mut all = Lane::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane.context("a connection's task failed")??;
        all.took.extend(lane.took);
        all.told_us.extend(lane.told_us);
    }
    ensure!(!all.took.is_empty(), "no request was answered in time");
    let mut answers = summed_up(all.took, started.elapsed());
    if order.connections == 1 {
        answers.told_us = all.told_us;
    }
    Ok(answers)
}

fn summed_up(mut took: Vec<Duration>, elapsed: Duration) -> Answers {
    took.sort_unstable();
    let at = |quantile: f64| {
        let index = (took.len() as f64 * quantile) as usize;
        let found = took.get(index).or(took.last());
        found.map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    Answers {
        count: took.len() as u64,
        seconds: elapsed.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        told_us: Vec::new(),
    }
}

async fn lane(load: Arc<Load>) -> Result<Lane> {
    let (mut request, number_at) = load.order.request();
    let mut stream = TcpStream::connect(load.order.address).await?;
    stream.set_nodelay(true)?;
    let mut incoming = Incoming::default();
    let mut lane = Lane::default();
    while let Some(number) = load.next() {
        if let Some(at) = number_at {
            let digits = format!("{number:0DIGITS$}");
            request[at..at + DIGITS].copy_from_slice(digits.as_bytes());
        }
        let started = Instant::now();
        let answered = exchange(&mut stream, &mut incoming, &request);
        let id = tokio::time::timeout(WAIT_MAX, answered)
            .await
            .context("a request was not answered in time")??;
        if let Some(told) = &load.told {
            lane.told_us.push(told.of(&id, WAIT_MAX).await?);
        }
        lane.took.push(started.elapsed());
    }
    Ok(lane)
}

/// Sends a request; the id in its answer, if that has one.
async fn exchange(
    stream: &mut TcpStream,
    incoming: &mut Incoming,
    request: &[u8],
) -> Result<String> {
    stream.write_all(request).await?;
    let Some(answer) = incoming.read(stream).await? else {
        bail!("a connection was closed instead of an answer");
    };
    let status = answer.status()?;
    if status != 200 {
        let body = String::from_utf8_lossy(answer.body);
        bail!("a request was answered {status}: {body}");
    }
    Ok(answer.id_in_data().unwrap_or_default().to_owned())
}
