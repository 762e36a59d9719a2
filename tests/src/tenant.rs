//! A tenant as it calls the gateway, by plain HTTP.

use fluxgate_core::id::TenantId;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::eventually;

pub const MODEL: &str = "wavespeed-ai/flux-kontext-max";

/// An answer: its status and its JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The text at a JSON pointer; empty when there is none.
    pub fn text(&self, pointer: &str) -> String {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

#[derive(Clone)]
pub struct TestTenant {
    pub id: TenantId,
    pub token: String,
    base_url: String,
    http: reqwest::Client,
}

impl TestTenant {
    pub fn new(id: TenantId, base_url: &str, token: String) -> Self {
        Self {
            id,
            token,
            base_url: base_url.to_owned(),
            http: reqwest::Client::new(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.post(self.url(path)).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.patch(self.url(path)).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(self.url(path))).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("the gateway answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer arrives whole");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// Uploads the photograph; the answer is its URL.
    pub async fn upload(&self) -> String {
        let part = reqwest::multipart::Part::bytes(fluxgate_emulator::DEMO_PHOTO.to_vec())
            .file_name("photo.jpg");
        let form = reqwest::multipart::Form::new().part("file", part);
        let answer = self
            .send(
                self.http
                    .post(self.url("/api/v3/media/upload/binary"))
                    .multipart(form),
            )
            .await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.text("/data/download_url")
    }

    pub async fn inputs(&self) -> Value {
        json!({ "prompt": "make it a sketch", "image": self.upload().await, "seed": 7 })
    }

    /// Submits a run and answers with the new task's id.
    pub async fn submit(&self, inputs: &Value) -> String {
        let answer = self.post(&format!("/api/v3/{MODEL}"), inputs).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.text("/data/id")
    }

    pub async fn submit_with_key(&self, inputs: &Value, key: &str) -> Answer {
        let request = self
            .http
            .post(self.url(&format!("/api/v3/{MODEL}")))
            .header("Idempotency-Key", key);
        self.send(request.json(inputs)).await
    }

    pub async fn result(&self, task: &str) -> Value {
        self.get(&format!("/api/v3/predictions/{task}/result"))
            .await
            .body["data"]
            .clone()
    }

    /// The prediction once it is over.
    pub async fn ended(&self, task: &str) -> Value {
        eventually(&format!("the end of task {task}"), || async {
            let prediction = self.result(task).await;
            let status = prediction["status"].as_str().unwrap_or_default().to_owned();
            (!matches!(status.as_str(), "created" | "processing" | "")).then_some(prediction)
        })
        .await
    }

    pub async fn timeline(&self, task: &str) -> Value {
        self.get(&format!("/v1/tasks/{task}/timeline")).await.body
    }

    /// The names of a task's steps, in order.
    pub async fn steps(&self, task: &str) -> Vec<String> {
        let timeline = self.timeline(task).await;
        let steps = timeline["steps"].as_array().cloned().unwrap_or_default();
        steps
            .iter()
            .map(|step| step["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub async fn balance_usd(&self) -> f64 {
        self.get("/api/v3/balance").await.body["data"]["balance"]
            .as_f64()
            .expect("a balance")
    }

    /// Registers an endpoint; the answer is its id and secret.
    pub async fn endpoint(&self, url: &str) -> (String, String) {
        let answer = self.created_endpoint(&json!({ "url": url })).await;
        (answer.text("/id"), answer.text("/secret"))
    }

    /// Registers the endpoint that this body asks for.
    pub async fn created_endpoint(&self, body: &Value) -> Answer {
        let answer = self.post("/v1/endpoints", body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer
    }

    /// Downloads an output by its URL alone.
    pub async fn download(&self, url: &str) -> Vec<u8> {
        let response = self.http.get(url).send().await.expect("the bucket answers");
        assert_eq!(response.status(), 200);
        response
            .bytes()
            .await
            .expect("the output arrives whole")
            .to_vec()
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}
