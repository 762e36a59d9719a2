//! The POST itself, for the gateway right away and for the poller later. A task gets here only
//! through `SubmitStarted`.

use super::Sender;
use super::upload::Uploaded;
use crate::app::machine::SignalOutcome;
use crate::app::traced::goes_on_because;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::time::Timestamp;
use crate::base::{metric, series};
use crate::domain::task::{Failure, Signal, State, Task, Via};
use crate::port::{PutOff, SubmitAnswer, SubmitCall};

/// Time a submit may take besides the POST itself: reading inputs, uploading media.
const SUBMIT_GRACE_MS: u64 = 5_000;

const INPUTS_LOST: &str = "the key that the task's inputs were sealed with is gone, so that it cannot be sent; nothing was charged, submit it again";

/// Whether a late submit may be sent.
pub(crate) enum Started {
    /// Yes, with these inputs.
    Now(Box<Task>, String),
    /// The task has moved on.
    NotNow(Box<Task>),
}

impl Sender {
    /// Sends a `submitting` task once and records the outcome.
    pub(crate) async fn send(&self, task: Task, inputs: &str) -> Result<Task> {
        let (task, signal) = match self.uploaded(&task, inputs).await {
            Ok(None) => {
                let signal = self.post_in_time(&task, inputs, 0).await;
                (task, signal)
            }
            // Record the uploaded URLs before the POST: if the answer is lost, the run can be found
            // by them.
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
            // Another task claimed this run through the provider's list: this task stays in doubt
            // until its webhook arrives.
            Err(error) if error.is(Reason::RunClaimed) => {
                let reason = "the provider run was claimed by an equal task".to_owned();
                Ok(self
                    .machine
                    .signal(task, self.ambiguous(reason))
                    .await?
                    .task())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends only while nobody else can have given the task up: a process that was paused for
    /// longer would send a run that nobody looks for.
    async fn post_in_time(&self, task: &Task, inputs: &str, uploads_ms: u64) -> Signal {
        if self.submit_remaining_ms(task.since.plus_ms(uploads_ms)) == 0 {
            let reason = "the submit was delayed for too long and was not sent".to_owned();
            return Signal::SubmitDeferred {
                reason,
                after_ms: None,
            };
        }
        self.post(task, inputs).await
    }

    async fn post(&self, task: &Task, inputs: &str) -> Signal {
        let webhook = self.hook_url(task).await;
        let trace = self.context.hop(task);
        let call = SubmitCall {
            model: &task.model,
            inputs,
            webhook: webhook.as_deref(),
            trace: &trace,
            timeout_ms: self.context.bounds.submit_timeout_ms,
        };
        let started = self.context.now();
        let answer = self.provider.submit(call).await;
        let took_ms = self.context.now().since_ms(started);
        series::STAGE_DURATION.observe_ms(&["submit"], took_ms);
        match answer {
            SubmitAnswer::Accepted(run) => run.signal(Via::Submit),
            SubmitAnswer::Refused(failure) => Signal::SubmitRefused(failure),
            SubmitAnswer::Deferred { reason, after_ms } => {
                if reason == PutOff::Account {
                    metric::ACCOUNT_REFUSALS.count();
                }
                goes_on_because(reason.code());
                Signal::SubmitDeferred {
                    reason: reason.text().to_owned(),
                    after_ms,
                }
            }
            SubmitAnswer::Ambiguous { reason } => {
                tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, reason, "ambiguous answer to a submit; it will be resolved, not sent again");
                self.ambiguous(reason)
            }
        }
    }

    pub(crate) fn ambiguous(&self, reason: String) -> Signal {
        let ahead_ms = self.provider.clock_ahead_ms();
        Signal::SubmitAmbiguous { reason, ahead_ms }
    }

    async fn hook_url(&self, task: &Task) -> Option<String> {
        Some(self.hooks.as_ref()?.url(&task.tenant, &task.id).await)
    }

    /// How long a POST that was started at `since` may still be in progress.
    pub(crate) fn submit_remaining_ms(&self, since: Timestamp) -> u64 {
        let timeout_ms = self.context.bounds.submit_timeout_ms;
        since
            .plus_ms(timeout_ms + SUBMIT_GRACE_MS.min(timeout_ms))
            .since_ms(self.context.now())
    }

    /// Sends a submit that did not go out with its request: the intent is written first, then the
    /// POST is sent.
    pub(crate) async fn send_late(&self, task: Task) -> Result<Task> {
        match self.start(task, Signal::SubmitStarted).await? {
            Started::Now(task, inputs) => self.send(*task, &inputs).await,
            Started::NotNow(task) => Ok(*task),
        }
    }

    /// Writes the intent to send. A task whose inputs cannot be read any more ends instead.
    pub(crate) async fn start(&self, task: Task, intent: Signal) -> Result<Started> {
        let Some(inputs) = self.context.stored_inputs(&task).await? else {
            let failure = Failure::new(5000, "inputs_lost", INPUTS_LOST);
            let ended = self.machine.give_up(task, failure).await?;
            return Ok(Started::NotNow(Box::new(ended)));
        };
        Ok(match self.machine.signal(task, intent).await? {
            SignalOutcome::Changed(task) if task.state == State::Submitting => {
                Started::Now(Box::new(task), inputs)
            }
            other => Started::NotNow(Box::new(other.task())),
        })
    }
}

/// Nothing was sent to the model: the task fails if its file is to blame, and is retried otherwise.
fn not_uploaded(error: Error) -> Signal {
    match error.kind {
        Kind::Invalid | Kind::TooLarge => {
            Signal::SubmitRefused(Failure::new(1401, "invalid_parameter", error.message))
        }
        Kind::Forbidden => Signal::SubmitRefused(Failure::new(1401, error.code, error.message)),
        _ => {
            goes_on_because(error.code);
            let code = error.code;
            Signal::SubmitDeferred {
                reason: format!("{code}: an input file could not be uploaded; retrying"),
                after_ms: None,
            }
        }
    }
}
