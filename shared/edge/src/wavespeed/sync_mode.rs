//! The provider's sync mode: the submit is held open until the end, or until a bound.

use std::time::Duration;

use crate::state::Edge;
use fluxgate_core::app::Gateway;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::provider::Prediction;
use fluxgate_core::{Error, Result};
use serde_json::{Map, Value};

/// Between the first two looks at a running task, and the longest between any two: a look may cost
/// a read.
const LOOK_FIRST: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_millis(800);

/// The provider's number for a sync mode that ran out of time.
const SYNC_TIMED_OUT: u32 = 5004;

/// Takes a flag out of the inputs. Fails with kind `Invalid` when it is not a boolean.
pub(super) fn take_flag(inputs: &mut Map<String, Value>, name: &str) -> Result<bool> {
    match inputs.remove(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => {
            let text = format!("the parameter '{name}' must be true or false");
            Err(Error::invalid("invalid_parameter", text).field(name))
        }
    }
}

/// The prediction at its end, or, at the bound or when the process is to stop, as it stands with
/// the provider's code; the task goes on.
pub(super) async fn wait(edge: &Edge, tenant: &TenantId, id: &TaskId) -> Result<Prediction> {
    let gateway = &edge.gateway;
    let bound = Duration::from_millis(gateway.bounds().sync_wait_max_ms);
    let mut stopping = edge.stopping.clone();
    let ended = tokio::select! {
        ended = until_end(gateway, tenant, id) => Some(ended),
        () = tokio::time::sleep(bound) => None,
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    match ended {
        Some(prediction) => prediction,
        None => {
            let mut prediction = gateway.prediction(tenant, id).await?;
            if matches!(prediction.status, "created" | "processing") {
                prediction.status = "processing";
                prediction.code = Some(SYNC_TIMED_OUT);
                prediction.error = format!(
                    "Sync mode timed out; the task goes on: query {}",
                    prediction.urls.get
                );
            }
            Ok(prediction)
        }
    }
}

async fn until_end(gateway: &Gateway, tenant: &TenantId, id: &TaskId) -> Result<Prediction> {
    let mut pause = LOOK_FIRST;
    loop {
        if let Some(prediction) = gateway.ended(tenant, id).await? {
            return Ok(prediction);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(LOOK_MAX);
    }
}
