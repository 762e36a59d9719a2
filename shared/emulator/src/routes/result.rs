//! GET of one prediction, on its three paths.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use super::Shared;
use crate::reply::{Refusal, success};
use crate::run::prediction;

pub(super) async fn result(vendor: Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    vendor.count("result");
    if vendor.faults.strike(|faults| &mut faults.result_500) {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error (emulated)"));
    }
    let run = vendor.runs.get(&id).filter(|run| !run.is_deleted());
    let run = run.ok_or_else(|| Refusal::not_found("there is no such prediction"))?;
    Ok(success(prediction(&vendor, &run)))
}
