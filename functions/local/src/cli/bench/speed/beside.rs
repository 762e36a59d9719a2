//! Submits beside tens of thousands of tasks that are polled, and what they cost with one and with
//! two threads.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::children::{Gateway, Provider, ProviderKind, Runs, Setup};
use super::super::generator::{Answers, Order};
use super::super::median;
use super::super::resident::Resident;
use super::row::{submits, warm_up};
use super::sample::Counters;
use super::{Bench, SUBMIT_CONNECTIONS};

/// Rounds of each; longer ones would be disturbed by polls of their own tasks.
const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_secs(2);
/// The first look at a task comes within this.
const POLLS_BEGIN_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// Two gateways side by side, of which one polls many tasks.
pub(super) async fn polled(bench: &mut Bench<'_>) -> Result<Value> {
    let count = bench.extent.polled;
    bench.print.note(format_args!(
        "measuring submits beside {count} polled tasks"
    ));
    let provider = Provider::start(ProviderKind::Bare, Runs::default()).await?;
    let busy = Gateway::start(&bench.new_folder(), &provider, Setup::default()).await?;
    let many = Order {
        requests: Some(count),
        ..submits(&busy, &bench.extent, SUBMIT_CONNECTIONS)
    };
    many.carry_out().await?;
    until_polled(&provider).await?;
    let other = Provider::start(ProviderKind::Bare, Runs::default()).await?;
    let quiet = Gateway::start(&bench.new_folder(), &other, Setup::default()).await?;
    let (mut beside, mut without) = (Vec::new(), Vec::new());
    let polls_before = provider.counts().await?.polls;
    let started = Instant::now();
    for _ in 0..rounds(bench) {
        beside.push(round(bench, &busy).await?);
        without.push(round(bench, &quiet).await?);
    }
    let polls = provider.counts().await?.polls - polls_before;
    let (beside, without) = (rates(&beside), rates(&without));
    let ratios = beside.iter().zip(&without);
    Ok(json!({
        "tasks": count,
        "polls_per_second": polls as f64 / started.elapsed().as_secs_f64(),
        "per_second": median(beside.iter().copied()),
        "per_second_without": median(without.iter().copied()),
        "times_without": median(ratios.map(|(beside, without)| beside / without)),
    }))
}

async fn until_polled(provider: &Provider) -> Result<()> {
    let started = Instant::now();
    while provider.counts().await?.polls == 0 {
        ensure!(
            started.elapsed() < POLLS_BEGIN_MAX,
            "no task was polled within {} s",
            POLLS_BEGIN_MAX.as_secs()
        );
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn round(bench: &Bench<'_>, gateway: &Gateway) -> Result<Answers> {
    let order = Order {
        ms: ROUND.as_millis() as u64,
        ..submits(gateway, &bench.extent, SUBMIT_CONNECTIONS)
    };
    order.carry_out().await
}

fn rounds(bench: &Bench<'_>) -> u32 {
    bench.extent.rounds.min(ROUNDS)
}

fn rates(answers: &[Answers]) -> Vec<f64> {
    let rate = |answers: &Answers| answers.count as f64 / answers.seconds;
    answers.iter().map(rate).collect()
}

/// A lock that threads wait for costs more with two of them.
pub(super) async fn threads(bench: &mut Bench<'_>) -> Result<Value> {
    bench
        .print
        .note("measuring what a submit costs with one and with two threads");
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..rounds(bench) {
        one.push(Box::pin(cpu_us(bench, "1")).await?);
        two.push(Box::pin(cpu_us(bench, "2")).await?);
    }
    let ratios = two.iter().zip(&one).map(|(two, one)| two / one);
    Ok(json!({
        "one": { "cpu_us_each": median(one.iter().copied()) },
        "two": { "cpu_us_each": median(two.iter().copied()) },
        "two_times_one": median(ratios),
    }))
}

async fn cpu_us(bench: &mut Bench<'_>, threads: &'static str) -> Result<f64> {
    bench.settle().await?;
    let provider = Provider::start(ProviderKind::Bare, Runs::default()).await?;
    let setup = Setup {
        threads: Some(threads),
        ..Setup::default()
    };
    let gateway = Gateway::start(&bench.new_folder(), &provider, setup).await?;
    let order = submits(&gateway, &bench.extent, SUBMIT_CONNECTIONS);
    warm_up(&order, bench.extent).await?;
    let before = Counters::of(&gateway).await?;
    let answers = order.carry_out().await?;
    let after = Counters::of(&gateway).await?;
    Ok(after.since(&before, &answers, Resident::default()).cpu_us)
}
