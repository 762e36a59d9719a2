//! The operator's client for the gateway that serves a data folder.

use std::time::Duration;

use anyhow::{Context as _, Result};
use fluxgate_core::secret::Secret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer;
use super::trouble::{Refused, foreign, unanswered};

/// Longer than any bounded step takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

pub struct AdminClient {
    http: reqwest::Client,
    base_url: String,
    token: Secret,
}

impl AdminClient {
    pub fn new(base_url: &str, token: Secret) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .no_proxy()
            .build()
            .context("cannot build the HTTP client")?;
        Ok(Self {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// Calls a route of the admin API without a body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T> {
        let unanswered = |error| unanswered(&self.base_url, &error);
        let response = self
            .http
            .post(format!("{}{path}", self.base_url))
            .query(query)
            .bearer_auth(self.token.expose())
            .send()
            .await
            .map_err(unanswered)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = answer::body(&self.base_url, response).await?;
        if status.is_success()
            && let Ok(answer) = serde_json::from_slice(&body)
        {
            return Ok(answer);
        }
        let problem: Option<Value> = serde_json::from_slice(&body).ok();
        match problem.filter(|body| body.get("detail").is_some_and(Value::is_string)) {
            Some(problem) => Err(Refused::by(status, &problem).into()),
            None => Err(foreign(&self.base_url, status, &headers)),
        }
    }
}
