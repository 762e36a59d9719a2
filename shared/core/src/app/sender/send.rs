//! The POST itself, for the gateway at once and for the poller later. A task reaches it only by
//! `SubmitStarted`.

use super::Sender;
use super::upload::Uploaded;
use crate::app::machine::SignalOutcome;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::metric::count;
use crate::base::time::Timestamp;
use crate::domain::task::{Failure, Signal, State, Task, Via};
use crate::port::{PutOff, SubmitAnswer, SubmitCall};

/// What a submit may take beside the POST itself: reading inputs, uploading pictures.
const SUBMIT_GRACE_MS: u64 = 5_000;

/// Whether the POST of a late submit may leave.
pub(crate) enum Started {
    /// With these inputs.
    Now(Box<Task>, String),
    /// The task has moved on.
    NotNow(Box<Task>),
}

impl Sender {
    /// Sends a task that is `submitting`, once, and writes down what came of it.
    pub(crate) async fn send(&self, task: Task, inputs: &str) -> Result<Task> {
        let (task, signal) = match self.uploaded(&task, inputs).await {
            Ok(None) => {
                let signal = self.post_in_time(&task, inputs, 0).await;
                (task, signal)
            }
            // Which URLs the POST names is written first: by them its run can be found, should the
            // answer be lost.
            Ok(Some(Uploaded { inputs, uploads })) => {
                match self
                    .machine
                    .signal(task, Signal::InputsUploaded { uploads })
                    .await?
                {
                    SignalOutcome::Changed(task) if task.state == State::Submitting => {
                        let signal = self
                            .post_in_time(&task, &inputs, self.context.bounds.uploads_max_ms)
                            .await;
                        (task, signal)
                    }
                    moved_on => return Ok(moved_on.task()),
                }
            }
            Err(error) => (task, not_uploaded(error)),
        };
        match self.machine.signal(task.clone(), signal).await {
            Ok(outcome) => Ok(outcome.task()),
            // Another task took this run by the provider's list: this one's stays in doubt until
            // its webhook.
            Err(error) if error.is(Reason::RunClaimed) => {
                let reason = "the provider run was claimed by an equal task".to_owned();
                Ok(self
                    .machine
                    .signal(task, Signal::SubmitAmbiguous { reason })
                    .await?
                    .task())
            }
            Err(error) => Err(error),
        }
    }

    /// A process that was stopped meanwhile must not send what others may have given up: past that
    /// moment the run would be looked for in vain.
    async fn post_in_time(&self, task: &Task, inputs: &str, uploads_ms: u64) -> Signal {
        if self.submit_remaining_ms(task.since.plus_ms(uploads_ms)) == 0 {
            let reason = "the submit was held up and did not leave".to_owned();
            return Signal::SubmitDeferred {
                reason,
                after_ms: None,
            };
        }
        self.post(task, inputs).await
    }

    async fn post(&self, task: &Task, inputs: &str) -> Signal {
        let webhook = self.hook_url(task);
        let call = SubmitCall {
            model: &task.model,
            inputs,
            webhook: webhook.as_ref(),
            timeout_ms: self.context.bounds.submit_timeout_ms,
        };
        match self.provider.submit(call).await {
            SubmitAnswer::Accepted(run) => run.signal(Via::Submit),
            SubmitAnswer::Refused(failure) => Signal::SubmitRefused(failure),
            SubmitAnswer::Deferred { reason, after_ms } => {
                if reason == PutOff::Account {
                    count!("AccountRefusals");
                }
                Signal::SubmitDeferred {
                    reason: reason.text().to_owned(),
                    after_ms,
                }
            }
            SubmitAnswer::Ambiguous { reason } => {
                tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, reason, "a submit is in doubt");
                Signal::SubmitAmbiguous { reason }
            }
        }
    }

    fn hook_url(&self, task: &Task) -> Option<url::Url> {
        let hooks = self.hooks.as_ref()?;
        let path = hooks.capability.hook_path(&task.tenant, &task.id);
        url::Url::parse(&format!(
            "{}{path}",
            hooks.public_url.as_str().trim_end_matches('/')
        ))
        .ok()
    }

    /// How long the POST of a task that is `submitting` since then may still be on its way.
    pub(crate) fn submit_remaining_ms(&self, since: Timestamp) -> u64 {
        let timeout_ms = self.context.bounds.submit_timeout_ms;
        since
            .plus_ms(timeout_ms + SUBMIT_GRACE_MS.min(timeout_ms))
            .since_ms(self.context.now())
    }

    /// A late submit: the intent is written first, then the POST leaves.
    pub(crate) async fn send_late(&self, task: Task) -> Result<Task> {
        match self.start(task, Signal::SubmitStarted).await? {
            Started::Now(task, inputs) => self.send(*task, &inputs).await,
            Started::NotNow(task) => Ok(*task),
        }
    }

    /// Writes the intent.
    pub(crate) async fn start(&self, task: Task, intent: Signal) -> Result<Started> {
        let inputs = self.context.tasks().inputs(&task.tenant, &task.id).await?;
        Ok(match self.machine.signal(task, intent).await? {
            SignalOutcome::Changed(task) if task.state == State::Submitting => {
                Started::Now(Box::new(task), inputs)
            }
            other => Started::NotNow(Box::new(other.task())),
        })
    }
}

/// Nothing left for the model: whether the file is to blame decides.
fn not_uploaded(error: Error) -> Signal {
    match error.kind {
        Kind::Invalid | Kind::TooLarge => {
            Signal::SubmitRefused(Failure::new(1401, "invalid_parameter", error.message))
        }
        Kind::Forbidden => Signal::SubmitRefused(Failure::new(1401, error.code, error.message)),
        _ => Signal::SubmitDeferred {
            reason: format!(
                "{}: a picture could not be uploaded; it is tried again",
                error.code
            ),
            after_ms: None,
        },
    }
}
