//! `fluxgate bench --callbacks`: callbacks of real tasks, from the end of a task to the receiver,
//! beside bare POSTs to the same receiver, in one run.

mod figures;
mod observer;
mod raw;
mod receiver;
mod town;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::super::print::PrintArgs;
use super::children::{Provider, ProviderKind, Runs};
use super::goals::judge;
use super::machine::Machine;
use figures::{GOALS, Row, Rows};
pub(super) use figures::{quiet, table};
use observer::Observer;
use raw::Raw;
pub(crate) use receiver::{ReceiverArgs, run as receive};
use town::{Drained, Shape, Town};

/// POSTs of the baseline under way at once: as many as the gateway may have.
const AT_ONCE: usize = 256;

/// As many endpoints as a tenant may have.
const ALIVE: Shape = Shape {
    tenants: 13,
    endpoints_each: 16,
    dead: 0,
};
const WITH_DEAD: Shape = Shape { dead: 2, ..ALIVE };
/// As many callbacks, all to one receiver.
const ONE_ENDPOINT: Shape = Shape {
    tenants: 1,
    endpoints_each: 1,
    dead: 0,
};

/// How much is measured.
struct Extent {
    /// Of each round that waited.
    callbacks: usize,
    /// That must end while the receiver holds its answers, of each tenant.
    tasks_max: usize,
    duration: Duration,
    steady_tasks: usize,
    steady_every: Duration,
}

impl Extent {
    fn of(seconds: u64, quick: bool) -> Self {
        if quick {
            return Self {
                callbacks: 416,
                tasks_max: 52,
                duration: Duration::ZERO,
                steady_tasks: ALIVE.tenants,
                steady_every: Duration::from_millis(50),
            };
        }
        let steady_every = Duration::from_millis(20);
        let tasks = (u128::from(seconds) * 1_000 / steady_every.as_millis()) as usize;
        Self {
            callbacks: 8_320,
            tasks_max: 2_000,
            duration: Duration::from_secs(seconds),
            steady_tasks: tasks.next_multiple_of(ALIVE.tenants),
            steady_every,
        }
    }
}

/// The figures, and how they are told.
pub(super) async fn run(
    folder: &Path,
    seconds: u64,
    quick: bool,
    print: PrintArgs,
) -> Result<Value> {
    let (extent, machine) = (Extent::of(seconds, quick), Machine::new(false));
    let observer = Observer::start().await?;
    print.note("measuring callbacks, with all endpoints alive");
    let (callbacks, sample) = {
        let row = Box::pin(row(folder, "alive", &observer, &extent, ALIVE)).await?;
        (row, observer.sample().await?)
    };
    print.note("measuring bare POSTs of the same body to the same receiver");
    let raw = Raw::new(&format!("{}/raw", observer.url), sample)?;
    let warm_up = Duration::from_millis(200);
    raw.per_second(AT_ONCE, warm_up).await?;
    let per_second = raw
        .per_second(AT_ONCE, extent.duration.max(warm_up))
        .await?;
    let steady = raw.steadily(
        extent.steady_tasks,
        ALIVE.endpoints_each,
        extent.steady_every,
    );
    let raw = Row::new(per_second, steady.await?, 0.0);
    print.note("measuring callbacks, with 1 % of the endpoints dead");
    let with_dead = Box::pin(row(folder, "dead", &observer, &extent, WITH_DEAD)).await?;
    print.note("measuring callbacks, all to one endpoint");
    let one_endpoint = Box::pin(row(folder, "one", &observer, &extent, ONE_ENDPOINT)).await?;
    let rows = Rows {
        raw,
        callbacks,
        with_dead,
        one_endpoint,
    };
    let mut figures = rows.json();
    figures["machine"] = machine.json();
    judge(&mut figures, &GOALS);
    Ok(figures)
}

async fn row(
    folder: &Path,
    name: &str,
    observer: &Observer,
    extent: &Extent,
    shape: Shape,
) -> Result<Row> {
    let runs = Runs {
        time: Some(Duration::ZERO),
        output_bytes: 0,
    };
    let provider = Provider::start(ProviderKind::Emulator, runs).await?;
    let town = Town::build(&folder.join(name), &provider, observer, shape).await?;
    town.drain(observer, 1).await?;
    let tasks = extent.callbacks / (shape.tenants * shape.endpoints_each);
    let tasks = tasks.min(extent.tasks_max);
    let mut drained = Drained::default();
    while drained.count == 0 || drained.seconds < extent.duration.as_secs_f64() {
        let round = town.drain(observer, tasks).await?;
        drained.count += round.count;
        drained.seconds += round.seconds;
    }
    let per_second = drained.count as f64 / drained.seconds;
    let steady = town.steadily(observer, extent.steady_tasks, extent.steady_every);
    let latencies_ms = steady.await?;
    Ok(Row::new(
        per_second,
        latencies_ms,
        town.gateway.child.peak_memory_mb()?,
    ))
}
