//! The account: its balance and the secret that signs its webhooks.

use axum::response::Response;
use serde_json::json;

use super::Shared;
use crate::money::usd;
use crate::reply::success;

pub(super) async fn balance(vendor: Shared) -> Response {
    vendor.count("balance");
    success(json!({"balance": usd(vendor.balance_micro_usd())}))
}

pub(super) async fn webhook_secret(vendor: Shared) -> Response {
    vendor.count("webhook_secret");
    success(json!({"secret": vendor.config.webhook_secret}))
}
