//! Outputs as base64, for a task that asked for them. They are read from the tenant's bucket, where
//! they lie like all outputs: the provider is never asked for base64, which would have to pass
//! through the task's record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};

use super::Gateway;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::Output;

/// The provider's input that asks for it.
const ASKS: &str = "enable_base64_output";
/// Outputs of one task that are read at once.
const READS_MAX: usize = 4;
/// One output. Some clients wait 10 s for a result.
const READ_TIMEOUT_MS: u64 = 4_000;

/// Takes the flag out of the inputs. Kind `Invalid` if it is none.
pub(super) fn take_flag(inputs: &mut Map<String, Value>) -> Result<bool> {
    match inputs.remove(ASKS) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => {
            let text = format!("the parameter '{ASKS}' must be true or false");
            Err(Error::invalid("invalid_parameter", text).field(ASKS))
        }
    }
}

/// Puts it back, for inputs that are submitted again.
pub(super) fn put_flag(inputs: &mut Map<String, Value>) {
    inputs.insert(ASKS.to_owned(), Value::Bool(true));
}

impl Gateway {
    /// A completed task's outputs in the bucket as base64, in order. The caller has checked how
    /// large they are. Kinds `NotFound` for foreign and unknown ids alike, `TooLarge` if an object
    /// has grown, `Unavailable` if one cannot be read.
    pub async fn outputs_in_base64(&self, tenant: &TenantId, id: &TaskId) -> Result<Vec<String>> {
        let task = self.context.tasks().get(tenant, id).await?;
        let record = self.context.tenants().get_eventual(tenant).await?;
        let read = async |output: &Output| {
            let destination = record.destination_of(output);
            let read = self
                .reader
                .read(tenant, destination, output, READ_TIMEOUT_MS);
            read.await.map(|bytes| STANDARD.encode(bytes))
        };
        let reads: Vec<_> = task.outputs.iter().map(read).collect();
        stream::iter(reads).buffered(READS_MAX).try_collect().await
    }
}
