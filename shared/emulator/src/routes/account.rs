//! The account: its balance and the secret that signs its webhooks.

use axum::response::Response;
use serde_json::json;

use super::Shared;
use crate::money::usd;
use crate::reply::success;

pub(super) async fn balance(provider: Shared) -> Response {
    provider.count("balance");
    success(json!({"balance": usd(provider.balance_micro_usd())}))
}

pub(super) async fn webhook_secret(provider: Shared) -> Response {
    provider.count("webhook_secret");
    success(json!({"secret": provider.config.webhook_secret}))
}
