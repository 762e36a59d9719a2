//! The results of a batch, as JSON lines in the order of its lines.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::batch::Batch;
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Result};
use futures::stream::try_unfold;
use utoipa::IntoParams;

use super::view::BatchResultView;
use super::{bad, batch_id};
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::Edge;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListResults {
    /// Only lines after this one: the number of the last line that you have.
    #[expect(dead_code, reason = "only described here")]
    after: Option<u32>,
    /// At most so many lines; an answer has at most 10,000, and 1,000 on AWS.
    #[expect(dead_code, reason = "only described here")]
    #[param(minimum = 1)]
    limit: Option<usize>,
}

/// Read the results of a batch
///
/// JSON lines in the order of the batch's lines, at any time: those that have not ended say how far
/// they are. The links of outputs work for seven days; ask again for new ones.
#[utoipa::path(
    get, path = "/v1/batches/{id}/results", tag = "batches", operation_id = "batch_results",
    params(("id" = String, Path, description = "the batch's id"), ListResults),
    responses(
        (status = 200, description = "one JSON object per line", body = BatchResultView, content_type = "application/jsonl"),
        (status = 400, description = "a parameter that cannot be"),
        (status = 404, description = "no such batch")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn results(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    query: Query,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Read)?;
    query.only(&["after", "limit"])?;
    let results_max = edge.gateway.bounds().batch.results_max;
    let limit = |text: &str| {
        let limit = text.parse().ok();
        limit
            .filter(|limit| (1..=results_max).contains(limit))
            .ok_or_else(|| bad(format!("'limit' is a number from 1 to {results_max}")))
    };
    let left = query.parsed("limit", limit)?.unwrap_or(results_max);
    let after = query.parsed("after", line)?.unwrap_or(0);
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let batch = edge.batches.get(&principal.tenant, &batch_id(&id)?).await?;
    let reading = Reading {
        edge,
        batch,
        after,
        left,
    };
    let body = Body::from_stream(try_unfold(reading, Reading::next));
    let jsonl = HeaderValue::from_static("application/jsonl");
    Ok(([(CONTENT_TYPE, jsonl)], body).into_response())
}

fn line(text: &str) -> Result<u32> {
    text.parse()
        .map_err(|_| bad("'after' is the number of a line"))
}

/// A chunk of lines is in memory at once, and has a turn while it is made, not while it is sent.
struct Reading {
    edge: Edge,
    batch: Batch,
    after: u32,
    left: usize,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let reads = &self.edge.reads;
        let mut turn = reads.next_turn(&self.batch.tenant).await?;
        let lines = self.edge.batches.lines(&self.batch, self.after).await?;
        let mut written = Vec::new();
        for (line, task) in lines.into_iter().take(self.left) {
            self.after = line.line;
            self.left -= 1;
            let view = BatchResultView::of(&self.edge, &self.batch, line, task.as_ref()).await?;
            serde_json::to_writer(&mut written, &view).map_err(|error| {
                Error::internal("row_unwritable", "a result cannot be written").source(error)
            })?;
            written.push(b'\n');
            turn.give_way().await;
        }
        if written.is_empty() {
            return Ok(None);
        }
        Ok(Some((written.into(), self)))
    }
}
