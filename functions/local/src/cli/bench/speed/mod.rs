//! `fluxgate bench`: this build beside a bare reverse proxy, with the emulator and with a provider
//! that costs almost nothing. Rounds alternate, each on new processes and a new folder.

mod alone;
mod beside;
mod memory;
mod row;
mod sample;
mod table;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::super::print::PrintArgs;
use super::children::ProviderKind;
use super::goals::judge;
use super::machine::Machine;
use row::{ROWS, Row};
use sample::{Sample, summed_up};
pub(super) use table::{quiet, table};

/// Connections that submit.
const SUBMIT_CONNECTIONS: usize = 32;
/// Connections in the whole-task measurements.
const TASK_CONNECTIONS: usize = 128;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) rounds: u32,
    /// Of each row in each round.
    pub(super) round: Duration,
    pub(super) warm_up: Duration,
    /// Instead of a duration: so many requests.
    pub(super) requests: Option<u64>,
    /// Waits until the machine is at rest before each measurement.
    pub(super) settles: bool,
    /// Tasks one after the other.
    pub(super) alone: u64,
    /// Connections that say nothing.
    pub(super) silent: usize,
    /// How long a gateway without work rests before its memory is read.
    pub(super) rest: Duration,
    /// Tasks that are polled beside submits.
    pub(super) polled: u64,
}

impl Extent {
    pub(super) fn of(seconds: u64, rounds: u32, quick: bool) -> Self {
        if quick {
            return Self {
                rounds: 1,
                round: Duration::from_millis(100),
                warm_up: Duration::from_millis(10),
                requests: Some(64),
                settles: false,
                alone: 8,
                silent: 20,
                rest: Duration::from_millis(100),
                polled: 64,
            };
        }
        Self {
            rounds,
            round: Duration::from_secs(seconds) / rounds,
            warm_up: Duration::from_millis(500),
            requests: None,
            settles: true,
            alone: 300,
            silent: 1_000,
            rest: Duration::from_secs(3),
            polled: 35_000,
        }
    }
}

/// Each row with both providers.
pub(super) fn measurements() -> u64 {
    2 * ROWS.len() as u64
}

/// What every measurement needs.
pub(super) struct Bench<'a> {
    folder: &'a Path,
    extent: Extent,
    machine: Machine,
    print: PrintArgs,
    /// Folders made so far: none is deleted before the end, because the disk would be busy with
    /// that for a while.
    folders: u32,
}

impl Bench<'_> {
    fn new_folder(&mut self) -> std::path::PathBuf {
        self.folders += 1;
        self.folder.join(format!("data{}", self.folders))
    }

    async fn settle(&mut self) -> Result<()> {
        self.machine.settle().await
    }
}

/// The figures.
pub(super) async fn run(folder: &Path, extent: Extent, print: PrintArgs) -> Result<Value> {
    let mut bench = Bench {
        folder,
        extent,
        machine: Machine::new(extent.settles),
        print,
        folders: 0,
    };
    let with_emulator = Box::pin(rows(&mut bench, ProviderKind::Emulator)).await?;
    let with_bare = Box::pin(rows(&mut bench, ProviderKind::Bare)).await?;
    let mut figures = Value::Object(with_emulator);
    figures["bare_provider"] = Value::Object(with_bare);
    figures["latency"] = Box::pin(alone::measure(&mut bench)).await?;
    figures["memory"] = Box::pin(memory::measure(&mut bench)).await?;
    figures["polled"] = Box::pin(beside::polled(&mut bench)).await?;
    figures["threads"] = Box::pin(beside::threads(&mut bench)).await?;
    figures["bench"] = json!("speed");
    figures["rounds"] = json!(extent.rounds);
    figures["round_ms"] = json!(extent.round.as_millis() as u64);
    figures["machine"] = bench.machine.json();
    judge(&mut figures, &table::GOALS);
    Ok(figures)
}

/// All rows with one provider, round after round.
async fn rows(bench: &mut Bench<'_>, kind: ProviderKind) -> Result<Map<String, Value>> {
    let mut samples: Vec<Vec<Sample>> = ROWS.iter().map(|_| Vec::new()).collect();
    for round in 1..=bench.extent.rounds {
        bench.print.note(format_args!(
            "round {round} of {} with {}: proxy, submits, whole tasks",
            bench.extent.rounds,
            kind.name()
        ));
        for (row, samples) in ROWS.iter().zip(&mut samples) {
            bench.settle().await?;
            samples.push(Box::pin(row.measure(bench, kind)).await?);
        }
    }
    let proxied = samples[0].clone();
    let named = ROWS.iter().zip(&samples).map(|(row, samples)| {
        let output_bytes = row.output_bytes().unwrap_or(0);
        (
            row.name.to_owned(),
            summed_up(samples, &proxied, output_bytes),
        )
    });
    Ok(named.collect())
}

impl ProviderKind {
    fn name(self) -> &'static str {
        match self {
            Self::Emulator => "the emulator",
            Self::Bare => "the bare provider",
        }
    }
}

/// The first part of a row's title says what, the second with how many connections.
fn title(row: &Row) -> String {
    format!("{}, c={}", row.title, row.connections())
}
