//! A submit of the benchmark of callbacks, whose own cost is of no interest there.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// After this a request counts as lost, and the benchmark fails.
const TASK_MAX: Duration = Duration::from_secs(60);

/// One request, sent over and over.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) url: String,
    pub(super) token: String,
    pub(super) model: &'static str,
    pub(super) body: String,
}

/// The part of a response that is read.
#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    id: String,
}

impl Load {
    /// One submit; answers the task's id.
    pub(super) async fn once(&self, http: &reqwest::Client) -> Result<String> {
        let request = http
            .post(format!("{}/api/v3/{}", self.url, self.model))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(self.body.clone());
        let response = request.send().await.context("a request failed")?;
        if response.status() != 200 {
            bail!(
                "a request was answered {}: {}",
                response.status(),
                response.text().await.unwrap_or_default()
            );
        }
        let answer: Answer = serde_json::from_slice(&response.bytes().await?)
            .context("a response could not be read")?;
        Ok(answer.data.id)
    }
}

pub(super) fn http_client(connections: usize) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .pool_max_idle_per_host(connections)
        .tcp_nodelay(true)
        .no_proxy()
        .timeout(TASK_MAX)
        .build()
        .context("cannot build the load's HTTP client")
}
