//! The emulator's own routes: faults and runs. No envelope.

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::faults::Faults;
use crate::reply::Refusal;
use crate::run::RunRecord;

pub(super) async fn faults(vendor: Shared) -> Json<Faults> {
    Json(vendor.faults.get())
}

/// Replaces all faults: what is not named is off.
pub(super) async fn put_faults(vendor: Shared, body: Bytes) -> Result<Json<Faults>, Refusal> {
    let faults: Faults = serde_json::from_slice(&body).map_err(|error| Refusal::invalid(error.to_string()))?;
    vendor.faults.replace(faults.clone());
    Ok(Json(faults))
}

pub(super) async fn runs(vendor: Shared) -> Response {
    let runs: Vec<RunRecord> = vendor.runs.newest_first().map(|run| RunRecord::from(&*run)).collect();
    Json(runs).into_response()
}
