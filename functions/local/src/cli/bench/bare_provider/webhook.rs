//! The webhooks of the bare provider: signed as the provider does, and sent again if refused.

use std::time::Duration;

use bytes::Bytes;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::v3;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

pub(super) const SECRET: &str = "whsec_bench";
/// As patient as the provider.
const ATTEMPTS_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Webhooks {
    client: Client<HttpConnector, Full<Bytes>>,
    secret: Secret,
}

impl Webhooks {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            secret: Secret::new(SECRET),
        }
    }

    pub(super) async fn send(&self, url: &str, run: &str, body: Bytes) {
        for _ in 0..ATTEMPTS_MAX {
            if self.attempt(url, run, body.clone()).await == Some(true) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, url: &str, run: &str, body: Bytes) -> Option<bool> {
        let secrets = std::slice::from_ref(&self.secret);
        let signed = v3::sign(secrets, run, SystemClock.now(), &body);
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header("content-type", "application/json")
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.timestamp)
            .header("webhook-signature", signed.signature)
            .body(Full::new(body))
            .ok()?;
        let response = self.client.request(request).await.ok()?;
        let accepted = response.status().is_success();
        response.into_body().collect().await.ok()?;
        Some(accepted)
    }
}
