//! The provider's sync mode: the answer to a submit waits for the end of the task, up to a limit.

use fluxgate_core::id::TaskId;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::Principal;
use fluxgate_core::{Error, Result};
use serde_json::{Map, Value};

use crate::state::Edge;
use crate::waiting::{self, Waiting};

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
pub(super) async fn wait(
    edge: &Edge,
    principal: &Principal,
    id: &TaskId,
    waiting: &Waiting,
) -> Result<Prediction> {
    waiting::until_end(edge, principal, id, waiting).await?;
    let mut prediction = Box::pin(edge.gateway.prediction(&principal.tenant, id)).await?;
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
