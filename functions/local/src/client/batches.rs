//! Batches, as a tenant.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::Value;

use super::{BrokenOff, TenantClient};

/// Results per call, well within what an answer may have.
const PAGE: usize = 1_000;

impl TenantClient {
    /// Creates the batch of these JSON lines. If the response is lost, they are sent once more: one
    /// key means one batch.
    pub async fn create_batch(&self, lines: &[u8], key: &str) -> Result<Value> {
        let create = || {
            let request = self.http.post(self.url("/v1/batches"));
            let request = request
                .header("idempotency-key", key)
                .header("content-type", "application/jsonl");
            self.answer(request.body(lines.to_vec()))
        };
        let answer = match create().await {
            Err(error) if error.is::<BrokenOff>() => create().await,
            answer => answer,
        };
        answer.context("the batch was not accepted")
    }

    pub async fn batch(&self, id: &str) -> Result<Value> {
        self.call(Method::GET, &format!("/v1/batches/{id}"), None)
            .await
    }

    /// The results of all lines, in order.
    pub async fn batch_results(&self, id: &str) -> Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/v1/batches/{id}/results?after={after}&limit={PAGE}");
            let lines = self.lines(self.http.get(self.url(&path))).await?;
            let last = lines.last().and_then(|last| last.get("line")?.as_u64());
            let Some(last) = last else { return Ok(all) };
            after = last;
            all.extend(lines);
        }
    }
}
