//! A client of a provider that a test makes up.

use std::sync::Arc;

use axum::{Json, Router};
use fluxgate_core::id::ModelId;
use fluxgate_core::secret::Secret;
use fluxgate_outbound::{ProviderSettings, Roots, WaveSpeedClient};
use serde_json::{Value, json};
use url::Url;

use crate::servers::serve;

pub(crate) fn client_keeping(base_url: Url, catalogue_ttl_ms: u64) -> WaveSpeedClient {
    let api_key = Secret::new("sk-secret");
    WaveSpeedClient::new(ProviderSettings {
        base_url,
        api_key: Arc::new(api_key),
        timeout_ms: 2_000,
        catalogue_ttl_ms,
        roots: Roots::System,
    })
    .unwrap()
}

pub(crate) async fn client(router: Router) -> WaveSpeedClient {
    client_keeping(serve(router).await, 60_000)
}

pub(crate) fn success(data: Value) -> Json<Value> {
    let mut envelope = json!({ "code": 200, "message": "success" });
    envelope["data"] = data;
    Json(envelope)
}

pub(crate) fn model() -> ModelId {
    ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap()
}
