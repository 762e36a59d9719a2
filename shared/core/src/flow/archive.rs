//! Copies what a run produced into the tenant's bucket. Only then is the run paid and told.

use super::Fluxgate;
use crate::error::{Error, Kind, Result};
use crate::id::{TaskId, TenantId};
use crate::port::NewObject;
use crate::task::{Failure, Output, Signal, State, Task};
use crate::tenant::Destination;

impl Fluxgate {
    /// Archives the outputs of a task that is `archiving`; of any other task it does nothing.
    ///
    /// Copying twice is harmless: the put is conditional, and what lies there is what is told.
    pub async fn archive(&self, tenant: &TenantId, id: &TaskId) -> Result<()> {
        let task = self.ports.tasks.get(tenant, id).await?;
        if task.state != State::Archiving {
            return Ok(());
        }
        let signal = match self.copy_all(&task).await {
            Ok(outputs) => Signal::Archived { outputs },
            Err(error) if matches!(error.kind, Kind::Invalid | Kind::TooLarge) => Signal::GaveUp(Failure::new(
                5000,
                "output_refused",
                format!("an output cannot be archived: {}", error.message),
            )),
            Err(error) => return Err(error),
        };
        self.signal(task, signal).await.map(drop)
    }

    async fn copy_all(&self, task: &Task) -> Result<Vec<Output>> {
        if task.sources.len() > self.bounds().outputs_max {
            let text = format!("the run has {} outputs, more than {}", task.sources.len(), self.bounds().outputs_max);
            return Err(Error::new(Kind::TooLarge, "too_many_outputs", text));
        }
        let destination = self.ports.tenants.get(&task.tenant).await?.destination;
        let mut outputs = Vec::with_capacity(task.sources.len());
        for (n, source) in task.sources.iter().enumerate() {
            outputs.push(self.copy(task, &destination, n, source).await?);
        }
        Ok(outputs)
    }

    async fn copy(&self, task: &Task, destination: &Destination, n: usize, source: &str) -> Result<Output> {
        let bounds = self.bounds();
        let fetched = self.ports.outputs.fetch(source, bounds.output_bytes_max, bounds.output_timeout_ms).await?;
        let object = NewObject {
            key: destination.key(task.created_at, task.id.as_str(), n, fetched.extension),
            body: fetched.body,
            bytes: fetched.bytes,
            sha256: fetched.sha256,
            content_type: fetched.content_type.to_owned(),
        };
        Ok(self.ports.objects.put_new(&task.tenant, destination, object).await?.output())
    }
}
