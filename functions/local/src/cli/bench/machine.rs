//! The machine that is measured on, and waiting until it is at rest.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::process::Process;
use super::resident::Resident;

/// How much of the machine may be busy with other work.
const REST: f64 = 0.2;
/// After this a round begins on a machine that is not at rest.
const SETTLE_MAX: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(300);

/// What is told of the machine beside the figures.
pub(super) struct Machine {
    load_before: String,
    /// Of each round, the share of the machine that others had just before it.
    busy: Vec<f64>,
    settles: bool,
}

impl Machine {
    /// One whose rounds do not wait, if it is only to be seen that they work.
    pub(super) fn new(settles: bool) -> Self {
        Self {
            load_before: load(),
            busy: Vec::new(),
            settles,
        }
    }

    /// Waits until what was written is on the disk and the machine is at rest.
    pub(super) async fn settle(&mut self) -> Result<()> {
        if !self.settles {
            return Ok(());
        }
        let synced = tokio::process::Command::new("sync").status().await;
        synced.context("cannot run 'sync'")?;
        let started = Instant::now();
        loop {
            let busy = busy().await?;
            if busy <= REST || started.elapsed() > SETTLE_MAX {
                self.busy.push(busy);
                return Ok(());
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let busy = self.busy.iter().copied();
        let most = busy.clone().reduce(f64::max);
        let mean = most.map(|_| busy.sum::<f64>() / self.busy.len() as f64);
        json!({
            "cores": cores, "kernel": kernel.trim(), "memory_gb": memory_gb(),
            "processor": processor(), "load_before": self.load_before, "load_after": load(),
            "busy_before_rounds_max": most, "busy_before_rounds_mean": mean,
            "is_debug_build": cfg!(debug_assertions),
        })
    }
}

/// One line about it.
pub(super) fn line(machine: &Value) -> String {
    let text = |name: &str| machine[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| machine[name].as_f64();
    let build = match machine["is_debug_build"].as_bool() {
        Some(true) => "; a debug build",
        _ => "",
    };
    let busy = match (
        number("busy_before_rounds_max"),
        number("busy_before_rounds_mean"),
    ) {
        (Some(most), Some(mean)) => format!(
            "others had up to {:.0} % of the machine just before a round, {:.0} % on average",
            most * 100.0,
            mean * 100.0
        ),
        _ => "rounds did not wait until it was at rest".to_owned(),
    };
    format!(
        "{} cores, {}, {:.0} GB, Linux {}. Load before {}, after {}; {busy}{build}.",
        machine["cores"],
        text("processor"),
        number("memory_gb").unwrap_or_default(),
        text("kernel"),
        text("load_before"),
        text("load_after"),
    )
}

/// Resident memory of a process that has had nothing to do for a while.
pub(super) async fn at_rest(process: &Process, rest: Duration) -> Result<Resident> {
    tokio::time::sleep(rest).await;
    process.resident()
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn memory_gb() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0 / 1024.0
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| Some(line.split_once(": ")?.1.trim().to_owned()));
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The share of all cores that was busy for a moment.
async fn busy() -> Result<f64> {
    let (idle_before, all_before) = ticks()?;
    tokio::time::sleep(LOOK).await;
    let (idle, all) = ticks()?;
    let passed = (all - all_before).max(1.0);
    Ok(1.0 - (idle - idle_before) / passed)
}

/// Idle and waiting, and all.
fn ticks() -> Result<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").context("this needs Linux")?;
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let at = |n: usize| ticks.get(n).copied().unwrap_or_default();
    Ok((at(3) + at(4), ticks.iter().sum()))
}
