//! The provider's envelope around every JSON answer.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Envelope {
    code: u16,
    message: &'static str,
    data: Value,
}

/// 200 with `data`.
pub(crate) fn success(data: Value) -> Response {
    let envelope = Envelope {
        code: 200,
        message: "success",
        data,
    };
    Json(envelope).into_response()
}

/// A refusal. The envelope never has a top-level `error`, because one client treats its presence as
/// a failure.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({"code": self.status.as_u16(), "message": self.message}));
        (self.status, body).into_response()
    }
}
