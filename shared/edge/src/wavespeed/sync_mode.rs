//! The provider's sync mode: the answer to a submit waits for the end of the task, up to a limit.

use std::time::Duration;

use crate::state::Edge;
use fluxgate_core::app::Gateway;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::provider::Prediction;
use fluxgate_core::{Error, Result};
use serde_json::{Map, Value};

/// The first and the longest interval between two checks of a running task; each check may cost a
/// read.
const LOOK_FIRST: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_millis(800);

/// The provider's code for sync mode that timed out.
const SYNC_TIMED_OUT: u32 = 5004;

/// Removes a flag from the inputs. Fails with kind `Invalid` if it is not a boolean.
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

/// The prediction once it has ended. At the time limit or when the process shuts down, the
/// prediction as it is, with the provider's code; the task continues.
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
                    "Sync mode timed out; the task continues: query {}",
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
