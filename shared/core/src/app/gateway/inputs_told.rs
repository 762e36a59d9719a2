//! What a task was asked for, told to its tenant: with the model's defaults, and without the files
//! that were embedded.

use serde_json::{Map, Value};

use super::Gateway;
use crate::app::media::parse_inputs;
use crate::base::error::{Error, Result};
use crate::base::id::ModelId;
use crate::domain::task::Task;

/// The inputs that one page reads: more than one task can have.
const READ_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The inputs that one page tells, unless they are one task's.
const TOLD_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The inputs of one task.
pub(super) struct ToldInputs {
    told: Option<Map<String, Value>>,
    read_bytes: usize,
}

/// Keeps a page of inputs within its bounds.
#[derive(Default)]
pub(super) struct PageOfInputs {
    tasks: usize,
    read_bytes: usize,
    told_bytes: usize,
}

impl PageOfInputs {
    /// Fails with kind `Invalid`, naming the parameter to lower.
    pub(super) fn add(&mut self, inputs: ToldInputs) -> Result<Option<Map<String, Value>>> {
        self.tasks += 1;
        self.read_bytes += inputs.read_bytes;
        self.told_bytes += inputs.told.as_ref().map_or(0, told_bytes);
        let is_over = self.read_bytes > READ_BYTES_MAX || self.told_bytes > TOLD_BYTES_MAX;
        if is_over && self.tasks > 1 {
            let text = "the inputs of this page are too large for one answer; ask for fewer predictions with a smaller 'page_size', or leave out 'include_inputs'";
            return Err(Error::invalid("page_too_large", text).field("page_size"));
        }
        Ok(inputs.told)
    }
}

fn told_bytes(inputs: &Map<String, Value>) -> usize {
    let bytes = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string().len(), str::len)
    };
    inputs
        .iter()
        .map(|(name, value)| name.len() + bytes(value))
        .sum()
}

impl Gateway {
    /// What a submit of these inputs asks for. `None` for an unknown model, or while the catalogue
    /// is unavailable: the submit itself says so where it matters.
    pub async fn input_echo(
        &self,
        model: &ModelId,
        inputs: &Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let catalogue = self.provider.catalogue().await.ok()?;
        Some(catalogue.model(model).ok()?.echo(inputs))
    }

    /// What a stored task was asked for; without the defaults if its model is no longer listed.
    /// `None` once they are no longer stored.
    pub(super) async fn inputs_told(&self, task: &Task) -> Result<ToldInputs> {
        let stored = self.context.kept_inputs(task).await?;
        let read_bytes = stored.len();
        let inputs = match parse_inputs(&stored) {
            Value::Object(inputs) if !inputs.is_empty() => inputs,
            _ => {
                return Ok(ToldInputs {
                    told: None,
                    read_bytes,
                });
            }
        };
        let told = self.input_echo(&task.model, &inputs).await;
        Ok(ToldInputs {
            told: Some(told.unwrap_or(inputs)),
            read_bytes,
        })
    }
}
