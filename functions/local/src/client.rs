//! A tenant's client of the gateway: what `edit`, `demo` and `bench` call.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// Calls one gateway as one tenant.
#[derive(Clone)]
pub struct TenantClient {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

/// Any single call.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

impl TenantClient {
    pub fn new(base_url: &str, token: String) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .context("the HTTP client cannot be made")?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned(), token })
    }

    /// Uploads a file; the answer is the URL that the model may fetch.
    pub async fn upload(&self, filename: String, bytes: Vec<u8>) -> Result<String> {
        let form = Form::new().part("file", Part::bytes(bytes).file_name(filename));
        let request = self.http.post(self.url("/api/v3/media/upload/binary")).multipart(form);
        let data = self.data(request).await.context("the picture could not be uploaded")?;
        text(&data, "download_url")
    }

    /// Submits a run, safely repeatable under its key; the answer is the prediction.
    pub async fn submit(&self, model: &str, inputs: &Value, key: &str) -> Result<Value> {
        let request = self.http.post(self.url(&format!("/api/v3/{model}"))).header("idempotency-key", key).json(inputs);
        self.data(request).await.context("the task was not accepted")
    }

    pub async fn result(&self, id: &str) -> Result<Value> {
        self.data(self.http.get(self.url(&format!("/api/v3/predictions/{id}/result")))).await
    }

    pub async fn timeline(&self, id: &str) -> Result<Value> {
        self.answer(self.http.get(self.url(&format!("/v1/tasks/{id}/timeline")))).await
    }

    pub async fn balance_usd(&self) -> Result<f64> {
        let data = self.data(self.http.get(self.url("/api/v3/balance"))).await?;
        data.get("balance").and_then(Value::as_f64).context("the balance is not a number")
    }

    /// Registers an endpoint; the answer holds its id and secret.
    pub async fn create_endpoint(&self, url: &str) -> Result<Value> {
        let request = self.http.post(self.url("/v1/endpoints")).json(&json!({ "url": url }));
        self.answer(request).await.context("the endpoint was not accepted")
    }

    pub async fn delete_endpoint(&self, id: &str) -> Result<()> {
        let request = self.http.delete(self.url(&format!("/v1/endpoints/{id}"))).bearer_auth(&self.token);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Downloads what an output URL names; the URL is all the proof it needs.
    pub async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let response = self.http.get(url).send().await.context("the download could not be made")?;
        if !response.status().is_success() {
            bail!("the download was answered {}", response.status());
        }
        Ok(response.bytes().await.context("the download broke off")?.to_vec())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    async fn data(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let mut answer = self.answer(request).await?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let response = request.bearer_auth(&self.token).send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let why =
            body.get("message").or_else(|| body.get("detail")).and_then(Value::as_str).unwrap_or("no reason given");
        bail!("{why} (HTTP {})", status.as_u16())
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        if error.is_connect() {
            return anyhow::anyhow!("nothing answers at {}; is 'fluxgate serve' running there?", self.base_url);
        }
        anyhow::anyhow!("the call to {} broke off", self.base_url)
    }
}

/// A text of a JSON object that must be there.
pub fn text(value: &Value, name: &str) -> Result<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("the answer holds no '{name}'"))
}
