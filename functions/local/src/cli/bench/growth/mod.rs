//! `fluxgate bench --growth N`: the same requests on folders with N, a tenth and a hundredth as
//! many tasks, side by side.

mod fill;
mod reports;
mod size;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::super::print::PrintArgs;
use super::children::{Gateway, Provider, ProviderKind, Runs};
use super::goals::judge;
use super::machine::Machine;
use super::median;
use reports::REPORTS;
use size::{CheckTook, Size};
pub(super) use table::{quiet, table};

/// How many folders there are, each with ten times as many tasks as the one before.
const SIZES: usize = 3;

/// Submits on each folder without and with keys, and on the largest without and beside reports.
pub(super) const MEASUREMENTS: u64 = 8;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Of the largest folder.
    pub(super) tasks: u64,
    pub(super) rounds: u32,
    /// Of submits, in each round.
    pub(super) round: Duration,
    /// Instead of a duration: so many submits.
    pub(super) requests: Option<u64>,
}

impl Extent {
    pub(super) fn of(tasks: u64, seconds: u64, rounds: u32, quick: bool) -> Self {
        Self {
            tasks,
            rounds: if quick { 1 } else { rounds },
            round: Duration::from_secs(seconds) / rounds,
            requests: quick.then_some(32),
        }
    }

    fn sizes(self) -> [u64; SIZES] {
        [100, 10, 1].map(|part| (self.tasks / part).max(1))
    }
}

/// The figures.
pub(super) async fn run(folder: &Path, extent: Extent, print: PrintArgs) -> Result<Value> {
    let mut machine = Machine::new(extent.requests.is_none());
    let mut sizes = Vec::new();
    let mut lasts = String::new();
    for tasks in extent.sizes() {
        print.note(format_args!("filling a folder with {tasks} tasks{lasts}"));
        let began = Instant::now();
        let size = Size::fill(&folder.join(format!("tasks{tasks}")), tasks).await?;
        let took = began.elapsed().as_secs_f64();
        print.note(format_args!(
            "filled a folder with {tasks} tasks in {took:.0} s"
        ));
        lasts = format!(", about {:.0} s", (took * 10.0).max(1.0));
        sizes.push(size);
    }
    let provider = Provider::start(ProviderKind::Bare, Runs::default()).await?;
    let mut rows = Map::new();
    rows.insert("check".to_owned(), checked(&sizes, print).await?);
    settle(&mut machine, print).await?;
    print.note("measuring starts");
    rows.insert("start".to_owned(), starts(&sizes, &provider, extent).await?);
    let mut gateways = Vec::new();
    for size in &sizes {
        gateways.push(size.serve(&provider).await?);
    }
    settle(&mut machine, print).await?;
    print.note("measuring reports");
    for report in &REPORTS {
        let row = reports(report, &gateways, extent).await?;
        rows.insert(report.name.to_owned(), row);
    }
    for (name, with_keys) in [("submit", false), ("submit_with_key", true)] {
        settle(&mut machine, print).await?;
        print.note(match with_keys {
            true => "measuring submits with keys",
            false => "measuring submits without keys",
        });
        let row = Box::pin(submits(&gateways, extent, with_keys)).await?;
        rows.insert(name.to_owned(), row);
    }
    settle(&mut machine, print).await?;
    print.note("measuring submits beside reports");
    let beside = Box::pin(reports::beside(&gateways[SIZES - 1], extent)).await?;
    let mut figures = json!({
        "bench": "growth", "tasks": extent.sizes(), "rows": rows,
        "submits_beside_reports": beside, "rounds": extent.rounds, "machine": machine.json(),
    });
    judge(&mut figures, &table::GOALS);
    Ok(figures)
}

async fn settle(machine: &mut Machine, print: PrintArgs) -> Result<()> {
    print.note("waiting until the machine is at rest");
    machine.settle().await
}

/// `fluxgate accounts check`, as an operator runs it.
async fn checked(sizes: &[Size], print: PrintArgs) -> Result<Value> {
    print.note("measuring 'accounts check'");
    let mut took: Vec<CheckTook> = Vec::new();
    for size in sizes {
        took.push(size.check().await?);
    }
    let mut row = times(took.iter().map(|took| Some(took.ms)));
    let memory: Vec<f64> = took.iter().map(|took| took.peak_memory_mb).collect();
    row["peak_memory_mb"] = json!(memory);
    Ok(row)
}

/// From the start of the process to its first answer.
async fn starts(sizes: &[Size], provider: &Provider, extent: Extent) -> Result<Value> {
    let mut took = vec![Vec::new(); SIZES];
    for _ in 0..extent.rounds {
        for (size, took) in sizes.iter().zip(&mut took) {
            let gateway = size.serve(provider).await?;
            took.push(gateway.started_in.as_secs_f64() * 1e3);
        }
    }
    Ok(times(took.into_iter().map(|took| Some(median(took)))))
}

async fn reports(report: &reports::Report, gateways: &[Gateway], extent: Extent) -> Result<Value> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut took: Vec<Vec<Option<f64>>> = vec![Vec::new(); SIZES];
    // The first brings the connections and fills the caches.
    for gateway in gateways {
        report.ask(&http, gateway).await?;
    }
    for _ in 0..extent.rounds {
        for (gateway, took) in gateways.iter().zip(&mut took) {
            took.push(report.ask(&http, gateway).await?);
        }
    }
    let medians = took.into_iter().map(|took| {
        let all: Option<Vec<f64>> = took.into_iter().collect();
        all.map(median)
    });
    Ok(times(medians))
}

/// As many a second with this many tasks, and with how many times as few of them.
async fn submits(gateways: &[Gateway], extent: Extent, with_keys: bool) -> Result<Value> {
    let mut rates = vec![Vec::new(); SIZES];
    for round in 0..extent.rounds {
        for (gateway, rates) in gateways.iter().zip(&mut rates) {
            let mut order = size::submits(gateway, extent);
            order.keys = with_keys.then(|| format!("round{round}-"));
            let answers = order.carry_out().await?;
            rates.push(answers.count as f64 / answers.seconds);
        }
    }
    let (smallest, largest) = (&rates[0], &rates[SIZES - 1]);
    let ratios = largest
        .iter()
        .zip(smallest)
        .map(|(large, small)| large / small);
    let ratio = median(ratios);
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    Ok(json!({ "per_second": medians, "times_smallest": ratio }))
}

/// A time at each size; `None` where the request was refused.
fn times(ms: impl Iterator<Item = Option<f64>>) -> Value {
    let ms: Vec<Option<f64>> = ms.collect();
    let ratio = match (ms.first(), ms.last()) {
        (Some(Some(smallest)), Some(Some(largest))) => Some(largest / smallest),
        _ => None,
    };
    json!({ "ms": ms, "times_smallest": ratio })
}
