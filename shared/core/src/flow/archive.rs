//! Copies what a run produced into the tenant's bucket. Only then is the run paid and told.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Fluxgate;
use crate::error::{Error, Kind, Result};
use crate::id::{TaskId, TenantId};
use crate::media;
use crate::port::{NewObject, OutputFetch};
use crate::task::{Failure, Output, Signal, State, Step, Task};
use crate::tenant::Destination;

/// The step that says why the outputs are not in the bucket yet.
const REFUSED: &str = "archive_refused";
/// Outputs of one task that are copied side by side.
const COPIES_MAX: usize = 4;
/// Of one task. Reasons that come and go are written down no more often.
const REFUSALS_MAX: usize = 16;

impl Fluxgate {
    /// Archives the outputs of a task that is `archiving`; of any other task it does nothing.
    ///
    /// Copying twice is harmless: the put is conditional, and what lies there is what is told.
    pub async fn archive(&self, tenant: &TenantId, id: &TaskId) -> Result<()> {
        let Some(task) = self.to_archive(tenant, id).await? else { return Ok(()) };
        let signal = match self.copy_all(&task).await {
            Ok(outputs) => Signal::Archived { outputs },
            Err(error) if matches!(error.kind, Kind::Invalid | Kind::TooLarge) => Signal::GaveUp(Failure::new(
                5000,
                "output_refused",
                format!("an output cannot be archived: {}", error.message),
            )),
            Err(error) => {
                self.note_refusal(&task, &error).await;
                return Err(error);
            }
        };
        self.signal(task, signal).await.map(drop)
    }

    /// The task, if its outputs are to be copied. The job comes right after the change that made it, which a glance may not show
    /// yet.
    async fn to_archive(&self, tenant: &TenantId, id: &TaskId) -> Result<Option<Task>> {
        let mut task = self.ports.tasks.glance(tenant, id).await?;
        if task.state != State::Archiving {
            task = self.ports.tasks.get(tenant, id).await?;
        }
        Ok((task.state == State::Archiving).then_some(task))
    }

    /// Writes down why a copy failed, so that the tenant can mend it in time. A reason that lasts is written once.
    async fn note_refusal(&self, task: &Task, error: &Error) {
        if let Err(unnoted) = self.try_note_refusal(task, error).await {
            tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error = unnoted.with_causes(), "a step was not written");
        }
    }

    async fn try_note_refusal(&self, task: &Task, error: &Error) -> Result<()> {
        let timeline = self.ports.tasks.timeline(&task.tenant, &task.id).await?;
        let known = refusals(&timeline);
        if known.last().is_some_and(|(code, _)| *code == error.code) || known.len() >= REFUSALS_MAX {
            return Ok(());
        }
        let step = Step::new(self.now(), REFUSED).detail(format!("{}: {}", error.code, error.message));
        self.ports.tasks.note(&task.tenant, &task.id, &step).await
    }

    /// Ends a task whose outputs resisted for too long, with the reason that stood in the way last.
    pub(super) async fn give_up_archiving(&self, task: Task) -> Result<Task> {
        let timeline = self.ports.tasks.timeline(&task.tenant, &task.id).await?;
        let (code, text) = refusals(&timeline).pop().unwrap_or(("archive_failed", "check the bucket and its role"));
        let text = format!("the outputs could not be copied into the bucket in time; nothing was charged; {text}");
        self.give_up(task, Failure::new(5000, code, text)).await
    }

    async fn copy_all(&self, task: &Task) -> Result<Vec<Output>> {
        if task.sources.len() > self.bounds().outputs_max {
            let text = format!("the run has {} outputs, more than {}", task.sources.len(), self.bounds().outputs_max);
            return Err(Error::new(Kind::TooLarge, "too_many_outputs", text));
        }
        let destination = self.ports.tenants.get(&task.tenant).await?.destination;
        let copies =
            task.sources.iter().enumerate().map(|(n, source)| self.copy(task, &destination, n, source).boxed());
        let copies: Vec<BoxFuture<'_, Result<Output>>> = copies.collect();
        stream::iter(copies).buffered(COPIES_MAX).try_collect().await
    }

    async fn copy(&self, task: &Task, destination: &Destination, n: usize, source: &str) -> Result<Output> {
        let bounds = self.bounds();
        let (bytes_max, timeout_ms) = (bounds.output_bytes_max, bounds.output_timeout_ms);
        let fetch = OutputFetch { url: source, promised: task.makes, bytes_max, timeout_ms };
        let fetched = self.ports.outputs.fetch(fetch).await.map_err(|failure| failure.error)?;
        let object = NewObject {
            key: destination.key(task.created_at, task.id.as_str(), n, fetched.extension),
            body: fetched.body,
            bytes: fetched.bytes,
            sha256: fetched.sha256,
            content_type: fetched.content_type.to_owned(),
            content_disposition: media::disposition(fetched.content_type),
            provider_type: fetched.provider_type,
        };
        Ok(self.ports.objects.put_new(&task.tenant, destination, object).await?.output())
    }
}

/// The reasons written down so far, as codes and texts, the newest last.
fn refusals(timeline: &[Step]) -> Vec<(&str, &str)> {
    let refused = timeline.iter().filter(|step| step.name == REFUSED);
    refused.filter_map(|step| step.detail.as_deref()?.split_once(": ")).collect()
}
