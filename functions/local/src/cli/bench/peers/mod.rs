//! `fluxgate bench --peers`: Portkey and LiteLLM, if they are installed, beside this build and a
//! bare proxy, all in front of the same bare provider.
//!
//! The peers forward an image request; Fluxgate does more with it: it writes the task and a hold on
//! the tenant's money to the disk before it forwards it.

mod installed;
mod table;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::super::print::PrintArgs;
use super::children::{Gateway, KEY, Provider, ProviderKind, Proxy, Runs, Setup};
use super::generator::{Answers, Order};
use super::goals::judge;
use super::machine::Machine;
use super::process::Process;
use super::{MODEL, inputs, median};
pub(super) use installed::{Installed, default_folder};
pub(super) use table::{quiet, table};

const CONNECTIONS: usize = 32;
/// The peers compile their code as they run, so they get some time for that.
const WARM_UP_MS: u64 = 3_000;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) rounds: u32,
    pub(super) round: Duration,
}

impl Extent {
    pub(super) fn of(seconds: u64, rounds: u32) -> Self {
        Self {
            rounds,
            round: Duration::from_secs(seconds) / rounds,
        }
    }
}

/// A process that answers, and the request that it is asked.
struct Asked {
    name: &'static str,
    process: Process,
    order: Order,
}

/// The figures. The peers and the proxy run from the beginning to the end; the gateway is a new one
/// in each round, because it goes on asking about the tasks of the round before.
pub(super) async fn run(
    folder: &Path,
    installed: &Installed,
    extent: Extent,
    print: PrintArgs,
) -> Result<Value> {
    let mut machine = Machine::new(true);
    let provider = Provider::start(ProviderKind::Bare, Runs::default()).await?;
    let proxy = Proxy::start(&provider).await?;
    let mut all = vec![Asked::of(
        "proxy",
        submit(proxy.address, KEY),
        proxy.child,
        extent,
    )];
    for peer in installed.peers() {
        print.note(format_args!("starting {}", peer.title()));
        let (process, order) = Box::pin(peer.start(folder, &provider)).await?;
        all.push(Asked::of(peer.name(), order, process, extent));
    }
    for asked in &all {
        asked.warm_up().await?;
    }
    let mut own = Figured::new("submit");
    let mut others: Vec<Figured> = all.iter().map(|asked| Figured::new(asked.name)).collect();
    for round in 1..=extent.rounds {
        print.note(format_args!("round {round} of {}", extent.rounds));
        for (asked, figured) in all.iter().zip(&mut others) {
            machine.settle().await?;
            figured.add(asked).await?;
        }
        machine.settle().await?;
        let data = folder.join(format!("data{round}"));
        let gateway = Gateway::start(&data, &provider, Setup::default()).await?;
        let order = submit(gateway.address, &gateway.token);
        let asked = Asked::of("submit", order, gateway.child, extent);
        asked.warm_up().await?;
        own.add(&asked).await?;
    }
    let all = others.iter().chain([&own]);
    let rows = all.map(|figured| (figured.name.to_owned(), figured.json(&own)));
    let mut figures = Value::Object(rows.collect());
    figures["bench"] = json!("peers");
    figures["rounds"] = json!(extent.rounds);
    figures["machine"] = machine.json();
    judge(&mut figures, &table::GOALS);
    Ok(figures)
}

fn submit(address: SocketAddr, token: &str) -> Order {
    let bearer = format!("Bearer {token}");
    let path = format!("/api/v3/{MODEL}");
    order(address, &path, &[("authorization", &bearer)], &inputs())
}

fn order(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &Value) -> Order {
    let headers = headers
        .iter()
        .chain(&[("content-type", "application/json")]);
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Order {
        address,
        path: path.to_owned(),
        headers: headers.map(owned).collect(),
        body: body.to_string(),
        connections: CONNECTIONS,
        ms: 0,
        requests: None,
        keys: None,
        callbacks: None,
    }
}

impl Asked {
    fn of(name: &'static str, order: Order, process: Process, extent: Extent) -> Self {
        Self {
            name,
            process,
            order: Order {
                ms: extent.round.as_millis() as u64,
                ..order
            },
        }
    }

    async fn warm_up(&self) -> Result<()> {
        let warm = Order {
            ms: WARM_UP_MS.min(self.order.ms),
            ..self.order.clone()
        };
        warm.carry_out().await.map(drop)
    }
}

/// What the rounds of one of them found.
struct Figured {
    name: &'static str,
    rounds: Vec<Answers>,
    /// In each round.
    cpu_us: Vec<f64>,
    peak_memory_mb: f64,
}

impl Figured {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
            cpu_us: Vec::new(),
            peak_memory_mb: 0.0,
        }
    }

    async fn add(&mut self, asked: &Asked) -> Result<()> {
        let before = asked.process.used()?;
        let answers = asked.order.carry_out().await?;
        let after = asked.process.used()?;
        let cpu_us = (after.cpu_us - before.cpu_us) as f64 / answers.count as f64;
        self.cpu_us.push(cpu_us);
        self.rounds.push(answers);
        let memory_mb = asked.process.peak_memory_mb()?;
        self.peak_memory_mb = self.peak_memory_mb.max(memory_mb);
        Ok(())
    }

    fn rates(&self) -> Vec<f64> {
        let rate = |answers: &Answers| answers.count as f64 / answers.seconds;
        self.rounds.iter().map(rate).collect()
    }

    /// Beside this build's submit: how many times as fast that is, round by round.
    fn json(&self, own: &Self) -> Value {
        let rates = self.rates();
        let own_rates = own.rates();
        let ratios = own_rates.iter().zip(&rates).map(|(own, rate)| own / rate);
        json!({
            "count": self.rounds.iter().map(|answers| answers.count).sum::<u64>(),
            "submit_times_this": median(ratios),
            "per_second": median(rates.iter().copied()),
            "p50_ms": median(self.rounds.iter().map(|answers| answers.p50_ms)),
            "p99_ms": median(self.rounds.iter().map(|answers| answers.p99_ms)),
            "cpu_us_each": median(self.cpu_us.iter().copied()),
            "peak_memory_mb": self.peak_memory_mb,
            "submit_memory_times_this": own.peak_memory_mb / self.peak_memory_mb,
        })
    }
}
