//! What a task was asked for and where it is told: for as long as its tenant wants that kept.

use super::Context;
use super::sealed_text::SealedPart;
use crate::base::bounds::DAY_MS;
use crate::base::error::{Kind, Result};
use crate::base::seal::StoredText;
use crate::domain::task::Task;
use crate::domain::tenant::RetentionDays;
use crate::domain::webhook::CallbackUrl;

impl Context {
    /// The inputs of a task, as JSON; an empty object once they are no longer kept.
    pub(in crate::app) async fn kept_inputs(&self, task: &Task) -> Result<String> {
        if self.is_past_keeping(task).await? {
            return Ok(StoredText::GONE.to_owned());
        }
        let inputs = self.stored_inputs(task).await?;
        Ok(inputs.unwrap_or_else(|| StoredText::GONE.to_owned()))
    }

    /// The inputs of a task that has not ended, for the provider; `None` once the key is gone that
    /// they were sealed with.
    pub(in crate::app) async fn stored_inputs(&self, task: &Task) -> Result<Option<String>> {
        let stored = self.tasks().inputs(&task.tenant, &task.id).await?;
        let part = SealedPart::Inputs(&task.id);
        self.open_text(&task.tenant, part, &stored).await
    }

    /// Where the task's own callback goes; `None` without one, and once it is no longer kept.
    pub(in crate::app) async fn kept_callback(&self, task: &Task) -> Result<Option<CallbackUrl>> {
        let stored = match &task.callback {
            Some(stored) if !self.is_past_keeping(task).await? => stored,
            _ => return Ok(None),
        };
        let part = SealedPart::Callback(&task.id);
        let text = self.open_text(&task.tenant, part, stored).await?;
        text.map(|text| CallbackUrl::parse(&text)).transpose()
    }

    /// Nothing is past keeping while a task runs or its callbacks are tried for the first time.
    async fn is_past_keeping(&self, task: &Task) -> Result<bool> {
        let age_ms = self.now().since_ms(task.created_at);
        // Nobody's are kept for less than a day.
        if task.is_open() || age_ms < DAY_MS {
            return Ok(false);
        }
        let days = match self.tenants().get_eventual(&task.tenant).await {
            Ok(tenant) => tenant.retention,
            Err(error) if error.kind == Kind::NotFound => RetentionDays::default(),
            Err(error) => return Err(error),
        };
        Ok(age_ms >= days.inputs_kept_ms(&self.bounds))
    }
}
