//! The emulator's own routes: faults and runs. Without the envelope.

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::faults::Faults;
use crate::reply::Refusal;
use crate::run::RunRecord;

pub(super) async fn faults(provider: Shared) -> Json<Faults> {
    Json(provider.faults.get())
}

/// Replaces all faults: those that are not named are off.
pub(super) async fn put_faults(provider: Shared, body: Bytes) -> Result<Json<Faults>, Refusal> {
    let faults: Faults =
        serde_json::from_slice(&body).map_err(|error| Refusal::invalid(error.to_string()))?;
    provider.faults.replace(faults.clone());
    Ok(Json(faults))
}

pub(super) async fn traces(provider: Shared) -> Response {
    Json(provider.traces.all()).into_response()
}

pub(super) async fn runs(provider: Shared) -> Response {
    let runs: Vec<RunRecord> = provider
        .runs
        .newest_first()
        .map(|run| RunRecord::from(&*run))
        .collect();
    Json(runs).into_response()
}
