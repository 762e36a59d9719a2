//! A gateway whose tenants have as many endpoints as they may, and the load on it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::children::{Gateway, Provider, Setup, free_address};
use super::super::load::{Load, http_client};
use super::super::{MODEL, inputs, now_us};
use super::observer::Observer;
use super::receiver::Arrival;
use crate::client::TenantClient;

/// Who is told.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) tenants: usize,
    pub(super) endpoints_each: usize,
    /// Of the first tenants, each the first: nobody listens at one, the other takes connections and
    /// never answers.
    pub(super) dead: usize,
}

/// Submits at once of each tenant.
const LANES: usize = 2;
/// The receiver holds its answers no longer than this: after 15 s an attempt is a failure.
const HOLD_MAX: Duration = Duration::from_secs(12);
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Town {
    pub(super) gateway: Gateway,
    shape: Shape,
    load: Vec<Load>,
    _black_hole: TcpListener,
}

/// Callbacks that waited, and how long it took to send them.
#[derive(Default)]
pub(super) struct Drained {
    pub(super) count: usize,
    pub(super) seconds: f64,
}

impl Shape {
    fn healthy(self) -> usize {
        self.tenants * self.endpoints_each - self.dead
    }
}

impl Town {
    pub(super) async fn build(
        folder: &Path,
        provider: &Provider,
        observer: &Observer,
        shape: Shape,
    ) -> Result<Self> {
        let setup = Setup {
            tenants: shape.tenants,
            ..Setup::default()
        };
        let gateway = Gateway::start(folder, provider, setup).await?;
        // Accepted by the kernel alone.
        let black_hole = TcpListener::bind(("127.0.0.1", 0)).await?;
        let dead = [free_address()?, black_hole.local_addr()?];
        for (n, token) in gateway.tokens.iter().enumerate() {
            let client = TenantClient::new(&gateway.url, token.clone())?;
            for m in 0..shape.endpoints_each {
                let its_dead = dead.get(n).filter(|_| n < shape.dead && m == 0);
                let url = match its_dead {
                    Some(address) => format!("http://{address}/hook"),
                    None => format!("{}/{n}/{m}", observer.url),
                };
                client.create_endpoint(&url).await?;
            }
        }
        let of = |token: &String| Load {
            url: gateway.url.clone(),
            token: token.clone(),
            model: MODEL,
            body: inputs().to_string(),
        };
        Ok(Self {
            load: gateway.tokens.iter().map(of).collect(),
            shape,
            _black_hole: black_hole,
            gateway,
        })
    }

    /// Each tenant submits so many tasks; answers how many callbacks must come.
    async fn submit(&self, tasks: usize) -> Result<usize> {
        let http = http_client(self.shape.tenants * LANES)?;
        let mut lanes = JoinSet::new();
        for load in &self.load {
            for lane in 0..LANES {
                let (load, http) = (load.clone(), http.clone());
                lanes.spawn(async move {
                    for _ in (lane..tasks).step_by(LANES) {
                        load.once(&http).await?;
                    }
                    anyhow::Ok(())
                });
            }
        }
        while let Some(lane) = lanes.join_next().await {
            lane.context("a lane failed")??;
        }
        Ok(self.shape.healthy() * tasks)
    }

    /// The receiver holds its first answers until so many tasks of each tenant have ended; then
    /// their callbacks are sent as fast as may be.
    pub(super) async fn drain(&self, observer: &Observer, tasks: usize) -> Result<Drained> {
        observer.forget().await?;
        let ended_before = self.gateway.completions().await?;
        observer.hold().await?;
        let held_since = std::time::Instant::now();
        let expected = self.submit(tasks).await?;
        let all = ended_before + (tasks * self.shape.tenants) as u64;
        while self.gateway.completions().await? < all {
            ensure!(
                held_since.elapsed() < HOLD_MAX,
                "this machine is too busy: {tasks} tasks of each tenant did not end in time"
            );
            tokio::time::sleep(PAUSE).await;
        }
        let before = observer.count().await?;
        let released_us = now_us();
        observer.release().await?;
        let arrivals = observer.arrivals(expected).await?;
        let last_us = arrivals.iter().map(|Arrival(at_us, _)| *at_us).max();
        let us = last_us.unwrap_or(released_us).saturating_sub(released_us);
        Ok(Drained {
            count: expected - before,
            seconds: us as f64 / 1e6,
        })
    }

    /// A task at a time, evenly spaced, of each tenant in turn; answers how old each event was when
    /// it came.
    pub(super) async fn steadily(
        &self,
        observer: &Observer,
        tasks: usize,
        every: Duration,
    ) -> Result<Vec<f64>> {
        observer.forget().await?;
        let http = http_client(self.shape.tenants)?;
        let mut ticks = tokio::time::interval(every);
        let mut submits = JoinSet::new();
        for load in self.load.iter().cycle().take(tasks) {
            ticks.tick().await;
            let (load, http) = (load.clone(), http.clone());
            submits.spawn(async move { load.once(&http).await });
        }
        for submit in submits.join_all().await {
            submit?;
        }
        // Whole rounds, so that each tenant has as many.
        let arrivals = observer
            .arrivals(tasks / self.shape.tenants * self.shape.healthy())
            .await?;
        Ok(arrivals
            .iter()
            .map(|Arrival(_, age_ms)| *age_ms as f64)
            .collect())
    }
}
