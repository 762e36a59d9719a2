//! A tenant's client for the gateway, used by every command that speaks for a tenant.

mod admin;
mod answer;
mod batches;
mod trouble;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fluxgate_core::digest::{RunningSha256, Sha256};
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::values::http_url;
pub use admin::{Admin, AdminQuery, FolderAdmin, RemoteAdmin, is_function_url};
pub use answer::body;
pub use trouble::{
    BrokenOff, NoCredentials, NoGateway, NothingAnswers, Refused, foreign, unanswered,
};

/// Calls one gateway as one tenant.
#[derive(Clone)]
pub struct TenantClient {
    http: reqwest::Client,
    /// Without a time-out for silence: while we send a file, the server is silent.
    uploads: reqwest::Client,
    base_url: String,
    token: String,
    /// What stands before the paths of the tenants' own API.
    of_v1: &'static str,
}

/// Where the admin API has what the operator's own endpoints need.
const OPERATORS_OWN: &str = "/admin/v1/tenants/operator";

/// For any single call.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// For an output, which may be large; a stalled download is aborted much sooner.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The slowest connection that an upload is given time for: half a megabit per second.
const UPLOAD_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

impl TenantClient {
    pub fn new(base_url: &str, token: String) -> Result<Self> {
        http_url(base_url)?;
        let client = || {
            reqwest::Client::builder()
                .timeout(CALL_TIMEOUT)
                .tcp_nodelay(true)
                .no_proxy()
        };
        let built = "cannot build the HTTP client";
        Ok(Self {
            http: client().read_timeout(CALL_TIMEOUT).build().context(built)?,
            uploads: client().build().context(built)?,
            base_url: without_api(base_url),
            token,
            of_v1: "/v1",
        })
    }

    /// Calls with an admin token, for the operator's own endpoints and their deliveries.
    pub fn of_operator(base_url: &str, admin_token: String) -> Result<Self> {
        Ok(Self {
            of_v1: OPERATORS_OWN,
            ..Self::new(base_url, admin_token)?
        })
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Uploads a file and returns the URL that the model may fetch.
    pub async fn upload(&self, filename: String, bytes: Vec<u8>) -> Result<String> {
        let timeout = upload_timeout(bytes.len() as u64);
        let form = Form::new().part("file", Part::bytes(bytes).file_name(filename));
        let request = self
            .uploads
            .post(self.url("/api/v3/media/upload/binary"))
            .timeout(timeout)
            .multipart(form);
        let data = self
            .data(request)
            .await
            .context("the picture could not be uploaded")?;
        text(&data, "download_url")
    }

    /// Submits a run and returns the prediction. If the response is lost, the submit is sent once
    /// more: one key means one run.
    pub async fn submit(&self, model: &str, inputs: &Value, key: &str) -> Result<Value> {
        let url = self.url(&format!("/api/v3/{model}"));
        let submit = || {
            self.data(
                self.http
                    .post(&url)
                    .header("idempotency-key", key)
                    .json(inputs),
            )
        };
        let answer = match submit().await {
            Err(error) if error.is::<BrokenOff>() => submit().await,
            answer => answer,
        };
        answer.context("the task was not accepted")
    }

    /// Runs a task again and returns the new task. If the response is lost, the request is sent
    /// once more: one key means one run.
    pub async fn retry(&self, task: &str, key: &str) -> Result<Value> {
        let url = self.url(&format!("/v1/tasks/{task}/retry"));
        let retry = || self.answer(self.http.post(&url).header("idempotency-key", key));
        match retry().await {
            Err(error) if error.is::<BrokenOff>() => retry().await,
            answer => answer,
        }
    }

    pub async fn result(&self, id: &str) -> Result<Value> {
        self.data(
            self.http
                .get(self.url(&format!("/api/v3/predictions/{id}/result"))),
        )
        .await
    }

    pub async fn timeline(&self, id: &str) -> Result<Value> {
        self.answer(self.http.get(self.url(&format!("/v1/tasks/{id}/timeline"))))
            .await
    }

    /// Any call of Fluxgate's own API; null where the answer has no body.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = self.http.request(method, self.url(path));
        self.answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    pub async fn balance_usd(&self) -> Result<f64> {
        let data = self
            .data(self.http.get(self.url("/api/v3/balance")))
            .await?;
        data.get("balance")
            .and_then(Value::as_f64)
            .context("the balance is not a number")
    }

    /// Registers an endpoint; the result has its id and secret.
    pub async fn create_endpoint(&self, url: &str) -> Result<Value> {
        let request = self
            .http
            .post(self.url("/v1/endpoints"))
            .json(&json!({ "url": url }));
        self.answer(request)
            .await
            .context("the endpoint was not accepted")
    }

    pub async fn delete_endpoint(&self, id: &str) -> Result<()> {
        let request = self
            .http
            .delete(self.url(&format!("/v1/endpoints/{id}")))
            .bearer_auth(&self.token);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Downloads an output by its URL; the URL is the credential.
    pub async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.download_into(url, &mut bytes).await?;
        Ok(bytes)
    }

    /// The same, streamed into `into`; returns the digest of what was written.
    pub async fn download_into(&self, url: &str, into: &mut impl Write) -> Result<Sha256> {
        let request = self.http.get(url).timeout(DOWNLOAD_TIMEOUT);
        let mut response = request
            .send()
            .await
            .map_err(|error| trouble::undownloaded(url, &error))?;
        if !response.status().is_success() {
            return Err(Refused {
                status: response.status(),
                why: "the download failed".to_owned(),
                code: None,
                field: None,
            }
            .into());
        }
        let mut digest = RunningSha256::default();
        while let Some(bytes) = response.chunk().await.context("the download broke off")? {
            digest.update(&bytes);
            into.write_all(&bytes)
                .context("cannot write the output to disk")?;
        }
        Ok(digest.finish())
    }

    fn url(&self, path: &str) -> String {
        match path.strip_prefix("/v1") {
            Some(rest) => format!("{}{}{rest}", self.base_url, self.of_v1),
            None => format!("{}{path}", self.base_url),
        }
    }

    async fn data(&self, request: RequestBuilder) -> Result<Value> {
        let mut answer = self.answer(request).await?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// An answer of JSON lines.
    async fn lines(&self, request: RequestBuilder) -> Result<Vec<Value>> {
        let (status, headers, body) = self.sent(request).await?;
        if !status.is_success() {
            return self.read(status, &headers, &body).map(|_| Vec::new());
        }
        let lines = body.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty());
        let read: Result<_, _> = lines.map(serde_json::from_slice).collect();
        read.map_err(|_| trouble::foreign(&self.base_url, status, &headers))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value> {
        let (status, headers, body) = self.sent(request).await?;
        self.read(status, &headers, &body)
    }

    async fn sent(&self, request: RequestBuilder) -> Result<(StatusCode, HeaderMap, Vec<u8>)> {
        let unanswered = |error| trouble::unanswered(&self.base_url, &error);
        let response = request
            .bearer_auth(&self.token)
            .send()
            .await
            .map_err(unanswered)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = answer::body(&self.base_url, response).await?;
        Ok((status, headers, body))
    }

    fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Value> {
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let body = serde_json::from_slice::<Value>(body)
            .ok()
            .filter(|body| body.is_object() || (body.is_array() && status.is_success()));
        let body = body.ok_or_else(|| trouble::foreign(&self.base_url, status, headers))?;
        if status.is_success() {
            return Ok(body);
        }
        Err(Refused::by(status, &body).into())
    }
}

/// Also accepts a base URL that ends in the `/api/…` path, as the provider's clients have it.
fn without_api(base_url: &str) -> String {
    let base_url = base_url.trim_end_matches('/');
    base_url
        .strip_suffix("/api/v3")
        .unwrap_or(base_url)
        .to_owned()
}

fn upload_timeout(bytes: u64) -> Duration {
    CALL_TIMEOUT + Duration::from_secs(bytes / UPLOAD_BYTES_PER_SECOND_MIN)
}

/// A string field of a JSON object; fails if it is missing.
pub fn text(value: &Value, name: &str) -> Result<String> {
    value
        .get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("the response has no '{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_time_by_its_size() {
        let minutes = |bytes| upload_timeout(bytes).as_secs().div_ceil(60);

        assert_eq!(minutes(0), 1);
        assert_eq!(minutes(10 * 1024 * 1024), 4);
        assert_eq!(minutes(200 * 1024 * 1024), 55);
    }
}
