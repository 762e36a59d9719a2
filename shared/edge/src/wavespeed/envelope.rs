//! `{"code":200,"message":"success","data":…}`.

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The provider's envelope of every success.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    /// Always 200, as the HTTP status is.
    code: u16,
    message: &'static str,
    data: T,
}

/// A JSON object as the provider wrote it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(super) struct WaveSpeedJson(pub(super) Value);

pub(super) fn success<T>(data: T) -> Json<Envelope<T>> {
    Json(Envelope {
        code: 200,
        message: "success",
        data,
    })
}
