//! `{"code":200,"message":"success","data":…}`.

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The provider's envelope for success answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    /// Always 200, like the HTTP status.
    code: u16,
    message: &'static str,
    data: T,
}

/// A JSON object as sent by the provider.
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
