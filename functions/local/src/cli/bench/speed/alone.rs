//! How long after its webhook a task's callback comes when nothing else is going on.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::children::{Gateway, Provider, ProviderKind, Runs, Setup};
use super::super::generator::Order;
use super::Bench;
use super::row::{SMALL_BYTES, endpoint, submits, warm_up};

/// A run takes so long that its submit is over in every respect when its webhook comes.
const RUN_TIME: Duration = Duration::from_millis(30);

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<Value> {
    bench
        .print
        .note("measuring the time from webhook to callback, one task after the other");
    let runs = Runs {
        time: Some(RUN_TIME),
        output_bytes: SMALL_BYTES,
    };
    let provider = Provider::start(ProviderKind::Bare, runs).await?;
    let gateway = Gateway::start(&bench.new_folder(), &provider, Setup::default()).await?;
    let order = Order {
        callbacks: Some(endpoint(&gateway).await?),
        requests: Some(bench.extent.alone),
        ..submits(&gateway, &bench.extent, 1)
    };
    bench.settle().await?;
    let warm = Order {
        requests: Some(bench.extent.alone.div_ceil(10)),
        ..order.clone()
    };
    warm_up(&warm, bench.extent).await?;
    let before = provider.counts().await?.webhooks_us.len();
    let told_us = order.carry_out().await?.told_us;
    let sent_us = provider.counts().await?.webhooks_us.split_off(before);
    ensure!(
        sent_us.len() == told_us.len(),
        "{} webhooks were sent, but {} callbacks came",
        sent_us.len(),
        told_us.len()
    );
    let pairs = told_us.iter().zip(&sent_us);
    let mut took: Vec<f64> = pairs
        .map(|(told, sent)| told.saturating_sub(*sent) as f64 / 1e3)
        .collect();
    took.sort_unstable_by(f64::total_cmp);
    let at = |quantile: f64| {
        let index = (took.len() as f64 * quantile) as usize;
        took.get(index).or(took.last()).copied()
    };
    Ok(json!({ "count": took.len(), "p50_ms": at(0.5), "p99_ms": at(0.99) }))
}
