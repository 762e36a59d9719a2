//! A fetch of an output by a guard that lets loopback through.

use fluxgate_core::port::{
    FetchFailure, FetchFailureSort as Sort, Fetched, OutputFetch, OutputFetcher, Purpose,
};
use fluxgate_outbound::HttpOutputFetcher;

use crate::servers::{loopback_guard, trace};

pub(crate) const MIB: u64 = 1024 * 1024;

/// What begins like a PNG and is this long.
pub(crate) fn png(bytes: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend((png.len()..bytes).map(|i| (i % 251) as u8));
    png
}

pub(crate) async fn fetch(url: &str, bytes_max: u64) -> Result<Fetched, FetchFailure> {
    fetch_within(url, bytes_max, 5_000).await
}

pub(crate) async fn fetch_within(
    url: &str,
    bytes_max: u64,
    timeout_ms: u64,
) -> Result<Fetched, FetchFailure> {
    let output = OutputFetch {
        url,
        promised: None,
        bytes_max,
        timeout_ms,
        trace: &trace(),
    };
    HttpOutputFetcher::new(loopback_guard().client(Purpose::Output))
        .fetch(output)
        .await
}

pub(crate) async fn failure(url: &str, bytes_max: u64) -> (Sort, &'static str) {
    let failure = fetch(url, bytes_max).await.err().unwrap();
    (failure.sort, failure.error.code)
}
