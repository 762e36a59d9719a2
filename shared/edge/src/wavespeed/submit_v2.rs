//! Submit by the legacy paths, as [`super::submit`].

use fluxgate_core::provider::Prediction;

use super::envelope::Envelope;
use super::submit::{Answer, SubmitCall, SubmitQuery, submit};
use super::submit_described::{ModelInputs, SubmitHeaders, SubmitRefusals};
use crate::body::RawBody;
use crate::path::Path;

/// Run a model, by the legacy path
#[utoipa::path(
    post, path = "/api/v2/{owner}/{model}", tag = "predictions", operation_id = "submit_v2",
    params(("owner" = String, Path), ("model" = String, Path), SubmitQuery, SubmitHeaders),
    request_body(content = ModelInputs, description = "the model's inputs"),
    responses((status = 200, description = "the new prediction; in sync mode, the ended one", body = Envelope<Prediction>,
        headers(("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))), SubmitRefusals),
    security(("tenant_jwt" = [])))]
pub(crate) async fn two_segments(
    call: SubmitCall,
    Path((owner, model)): Path<(String, String)>,
    body: RawBody,
) -> Answer {
    submit(call, &[owner, model], body).await
}

/// Run a variant of a model, by the legacy path
#[utoipa::path(
    post, path = "/api/v2/{owner}/{model}/{variant}", tag = "predictions", operation_id = "submit_variant_v2",
    params(("owner" = String, Path), ("model" = String, Path), ("variant" = String, Path), SubmitQuery, SubmitHeaders),
    request_body(content = ModelInputs, description = "the model's inputs"),
    responses((status = 200, description = "the new prediction; in sync mode, the ended one", body = Envelope<Prediction>,
        headers(("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))), SubmitRefusals),
    security(("tenant_jwt" = [])))]
pub(crate) async fn three_segments(
    call: SubmitCall,
    Path((owner, model, variant)): Path<(String, String, String)>,
    body: RawBody,
) -> Answer {
    submit(call, &[owner, model, variant], body).await
}

/// Run a version of a model's variant, by the legacy path
#[utoipa::path(
    post, path = "/api/v2/{owner}/{model}/{variant}/{version}", tag = "predictions", operation_id = "submit_version_v2",
    params(("owner" = String, Path), ("model" = String, Path), ("variant" = String, Path), ("version" = String, Path), SubmitQuery, SubmitHeaders),
    request_body(content = ModelInputs, description = "the model's inputs"),
    responses((status = 200, description = "the new prediction; in sync mode, the ended one", body = Envelope<Prediction>,
        headers(("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))), SubmitRefusals),
    security(("tenant_jwt" = [])))]
pub(crate) async fn four_segments(
    call: SubmitCall,
    Path((owner, model, variant, version)): Path<(String, String, String, String)>,
    body: RawBody,
) -> Answer {
    submit(call, &[owner, model, variant, version], body).await
}
