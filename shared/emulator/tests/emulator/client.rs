//! A client of the emulator, the emulator it talks to, and the pictures it sends.

use std::io::Cursor;
use std::time::{Duration, Instant};

use fluxgate_emulator::{Emulator, EmulatorConfig, Faults};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) const MAX: &str = "wavespeed-ai/flux-kontext-max";
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) emulator: Emulator,
    pub(crate) http: reqwest::Client,
}

impl Client {
    pub(crate) async fn with(faults: Faults) -> Self {
        Self::of(EmulatorConfig { faults, ..quick() }).await
    }

    pub(crate) async fn new() -> Self {
        Self::of(quick()).await
    }

    pub(crate) async fn of(config: EmulatorConfig) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(DEADLINE)
            .build()
            .unwrap();
        Self {
            emulator: Emulator::start(config).await.unwrap(),
            http,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.emulator.base_url());
        self.http
            .request(method, url)
            .bearer_auth(self.emulator.api_key())
    }

    /// The `data` of a successful answer.
    pub(crate) async fn get(&self, path: &str) -> Value {
        data(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        data(
            self.request(Method::POST, path)
                .json(body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn submit(&self, inputs: &Value) -> reqwest::Result<Response> {
        self.request(Method::POST, &format!("/api/v3/{MAX}"))
            .json(inputs)
            .send()
            .await
    }

    /// Submits and polls to the end.
    pub(crate) async fn run(&self, model: &str, inputs: &Value) -> Value {
        let submitted = self.post(&format!("/api/v3/{model}"), inputs).await;
        self.ended(submitted["id"].as_str().unwrap()).await
    }

    pub(crate) async fn ended(&self, id: &str) -> Value {
        let path = format!("/api/v3/predictions/{id}/result");
        let deadline = Instant::now() + DEADLINE;
        loop {
            let prediction = self.get(&path).await;
            if matches!(prediction["status"].as_str(), Some("completed" | "failed")) {
                return prediction;
            }
            assert!(Instant::now() < deadline, "still {prediction}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn download(&self, url: &Value) -> Response {
        self.http.get(url.as_str().unwrap()).send().await.unwrap()
    }
}

pub(crate) fn quick() -> EmulatorConfig {
    let retry = vec![Duration::from_millis(10); 3];
    EmulatorConfig {
        run_time: Duration::from_millis(20),
        webhook_retry: retry,
        ..EmulatorConfig::default()
    }
}

async fn data(response: Response) -> Value {
    assert_eq!(response.headers()["x-fluxgate-emulator"], "1");
    let status = response.status();
    let mut envelope: Value = response.json().await.unwrap();
    assert_eq!(
        (status.as_u16(), &envelope["code"], &envelope["message"]),
        (200, &json!(200), &json!("success"))
    );
    envelope["data"].take()
}

/// A small gradient.
pub(crate) fn picture() -> Vec<u8> {
    let pixels = RgbImage::from_fn(96, 64, |x, y| Rgb([(x * 2) as u8, (y * 3) as u8, 120]));
    let mut png = Cursor::new(Vec::new());
    pixels.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

pub(crate) fn data_uri(bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!(
        "data:image/png;base64,{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
}

/// Inputs of an edit that always gives the same picture.
pub(crate) fn inputs() -> Value {
    json!({"prompt": "make it a woodcut", "image": data_uri(&picture()), "seed": 7})
}
