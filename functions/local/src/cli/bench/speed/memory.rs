//! The memory of a gateway that has nothing to do, and of connections that say nothing.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::super::children::{Gateway, Provider, ProviderKind, Runs, Setup};
use super::super::machine::at_rest;
use super::Bench;

/// Files that a gateway may open or close meanwhile for reasons of its own.
const OTHER_FILES_MAX: usize = 8;

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<Value> {
    bench
        .print
        .note("measuring memory without work, and of silent connections");
    fluxgate_listen::raise_file_limit();
    let extent = bench.extent;
    let provider = Provider::start(ProviderKind::Bare, Runs::default()).await?;
    let gateway = Gateway::start(&bench.new_folder(), &provider, Setup::default()).await?;
    let idle = at_rest(&gateway.child, extent.rest).await?;
    let files_before = gateway.child.open_files()?;
    let mut silent = Vec::new();
    for _ in 0..extent.silent {
        let stream = TcpStream::connect(gateway.address).await;
        silent.push(stream.context("a silent connection was refused")?);
    }
    let with_silent = at_rest(&gateway.child, extent.rest / 2).await?;
    let opened = gateway.child.open_files()?.saturating_sub(files_before);
    ensure!(
        opened + OTHER_FILES_MAX >= extent.silent,
        "the gateway has only {opened} of {} silent connections open",
        extent.silent
    );
    let each_kb = (with_silent.all_mb - idle.all_mb).max(0.0) * 1024.0 / extent.silent as f64;
    Ok(json!({
        "idle_mb": idle.all_mb, "idle_own_mb": idle.own_mb, "idle_file_mb": idle.file_mb,
        "silent_connections": extent.silent, "silent_connection_kb": each_kb,
    }))
}
