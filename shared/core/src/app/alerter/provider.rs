//! Whether the provider answers, by the calls that are made of it anyway.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Alerter, locked};
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::{ModelId, RunId, TenantId};
use crate::base::metric;
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::money::MicroUsd;
use crate::domain::provider::{Catalogue, ProviderRun, QuoteKey};
use crate::domain::webhook::EventType;
use crate::port::{Provider, PutOff, RunList, RunSpan, SubmitAnswer, SubmitCall, Upload};

/// So many calls must have failed, without one that was answered.
const FAILURES_MIN: u32 = 3;
/// How often a process that gets answers looks whether the provider is said to be down.
const LOOK_AGAIN_MS: u64 = 60_000;

/// What this process has seen of the provider.
#[derive(Debug, Default)]
pub(super) struct ProviderHealth {
    failing_since: Option<Timestamp>,
    failures: u32,
    has_answered: bool,
    /// It has answered after it failed, and nobody has looked since.
    has_recovered: bool,
    looked_at: Option<Timestamp>,
}

impl ProviderHealth {
    fn saw(&mut self, answered: bool, now: Timestamp) {
        if answered {
            self.has_recovered |= self.failing_since.take().is_some();
            self.failures = 0;
            self.has_answered = true;
        } else {
            if self.failing_since.is_none() {
                self.looked_at = None;
            }
            self.failing_since.get_or_insert(now);
            self.failures = self.failures.saturating_add(1);
            self.has_answered = false;
        }
    }

    /// `Some(Some(since))` when it is down, `Some(None)` when it is up, `None` when nothing is to
    /// be done now.
    fn due(&mut self, now: Timestamp, down_after_ms: u64) -> Option<Option<Timestamp>> {
        if std::mem::take(&mut self.has_recovered) {
            // It may fail again already.
            self.looked_at = self.has_answered.then_some(now);
            return Some(None);
        }
        let is_recent = |looked: Timestamp| now.since_ms(looked) < LOOK_AGAIN_MS;
        if self.looked_at.is_some_and(is_recent) {
            return None;
        }
        let down = self
            .failing_since
            .filter(|since| self.failures >= FAILURES_MIN && now.since_ms(*since) >= down_after_ms);
        if down.is_none() && !self.has_answered {
            return None;
        }
        self.looked_at = Some(now);
        Some(down)
    }
}

impl Alerter {
    /// Tells of the beginning of an outage once; its end makes the next one be told.
    pub(super) async fn see_provider(&self) -> Result<()> {
        let now = self.context.now();
        let down_after_ms = self.context.bounds.provider_down_ms;
        let Some(down) = locked(&self.provider).due(now, down_after_ms) else {
            return Ok(());
        };
        let (operator, store) = (TenantId::operator(), self.context.alerts());
        let mut alerts = store.alerts_of(&operator).await?;
        match (down, alerts.provider_down_since) {
            (Some(since), None) => {
                let data = json!({ "since": since.rfc3339() });
                let cause = format!("provider/{}", alerts.version);
                self.to_operator(EventType::ProviderUnreachable, &cause, data)
                    .await?;
                tracing::error!(
                    since = since.rfc3339(),
                    "the provider does not answer; new tasks wait, and those in progress are asked about later"
                );
            }
            (None, Some(_)) => tracing::info!("the provider answers again"),
            _ => return Ok(()),
        }
        alerts.provider_down_since = down;
        alerts.version += 1;
        match store.replace_alerts(&operator, &alerts, None).await {
            // Another process has seen the same.
            Err(error) if error.is(Reason::VersionMoved) => Ok(()),
            written => written,
        }
    }

    fn saw_provider(&self, answered: bool) {
        metric::PROVIDER_CALLS.count();
        if !answered {
            metric::PROVIDER_FAILURES.count();
        }
        locked(&self.provider).saw(answered, self.context.now());
    }
}

/// The provider's API, with an eye on whether it answers.
pub(crate) struct ObservedProvider {
    provider: Arc<dyn Provider>,
    alerter: Alerter,
}

impl ObservedProvider {
    pub(crate) fn new(provider: Arc<dyn Provider>, alerter: Alerter) -> Self {
        Self { provider, alerter }
    }

    fn saw<T>(&self, answer: Result<T>) -> Result<T> {
        match &answer {
            Err(error) if has_no_answer(error) => self.alerter.saw_provider(false),
            _ => self.alerter.saw_provider(true),
        }
        count_refusal(&answer);
        answer
    }

    /// Of an answer that may be a remembered one, only failures tell something: those of calls that
    /// were made.
    fn saw_failure<T>(&self, answer: Result<T>) -> Result<T> {
        if answer.as_ref().is_err_and(Error::is_of_earlier_call) {
            return answer;
        }
        if answer.as_ref().is_err_and(has_no_answer) {
            self.alerter.saw_provider(false);
        }
        count_refusal(&answer);
        answer
    }
}

/// A refusal of the account is an answer: the operator mends another thing than after an outage.
fn has_no_answer(error: &Error) -> bool {
    error.kind == Kind::Unavailable && !error.is(Reason::AccountRefused)
}

/// A gateway that was started with a refused account has no catalogue and sends no submit, so
/// submits alone would never tell.
fn count_refusal<T>(answer: &Result<T>) {
    if answer
        .as_ref()
        .is_err_and(|error| error.is(Reason::AccountRefused))
    {
        metric::ACCOUNT_REFUSALS.count();
    }
}

#[async_trait]
impl Provider for ObservedProvider {
    async fn submit(&self, call: SubmitCall<'_>) -> SubmitAnswer {
        let answer = self.provider.submit(call).await;
        let answered = match &answer {
            SubmitAnswer::Accepted(_) | SubmitAnswer::Refused(_) => true,
            SubmitAnswer::Deferred { reason, .. } => *reason != PutOff::Unreachable,
            SubmitAnswer::Ambiguous { .. } => false,
        };
        self.alerter.saw_provider(answered);
        answer
    }

    async fn result(&self, id: &RunId, trace: &TraceContext) -> Result<Option<ProviderRun>> {
        self.saw(self.provider.result(id, trace).await)
    }

    async fn runs_between(
        &self,
        model: &ModelId,
        span: RunSpan,
        trace: &TraceContext,
    ) -> Result<RunList> {
        self.saw(self.provider.runs_between(model, span, trace).await)
    }

    fn clock_ahead_ms(&self) -> Option<i64> {
        self.provider.clock_ahead_ms()
    }

    async fn catalogue(&self) -> Result<Arc<Catalogue>> {
        self.saw_failure(self.provider.catalogue().await)
    }

    fn catalogue_read_at(&self) -> Option<Timestamp> {
        self.provider.catalogue_read_at()
    }

    async fn quote(
        &self,
        model: &ModelId,
        inputs: &Map<String, Value>,
        key: QuoteKey,
    ) -> Result<MicroUsd> {
        self.saw_failure(self.provider.quote(model, inputs, key).await)
    }

    async fn upload(&self, upload: Upload) -> Result<Value> {
        self.saw(self.provider.upload(upload).await)
    }

    async fn upload_ticket(&self, request: &Value) -> Result<Value> {
        self.saw(self.provider.upload_ticket(request).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_due_after_a_while_without_an_answer_and_its_end_at_once() {
        let mut health = ProviderHealth::default();
        let mut saw = |answered: bool, at: i64| {
            health.saw(answered, Timestamp(at));
            health.due(Timestamp(at), 100)
        };

        assert_eq!(saw(true, 0), Some(None));
        assert_eq!(saw(true, 1), None, "looked at a moment ago");
        assert_eq!(saw(false, 10), None);
        assert_eq!(saw(false, 120), None, "two failures");
        let down = Some(Some(Timestamp(10)));
        assert_eq!(saw(false, 130), down);
        assert_eq!(saw(false, 140), None);
        assert_eq!(saw(false, 60_131), down, "somebody else may have ended it");
        assert_eq!(saw(true, 60_140), Some(None));
        assert_eq!(saw(false, 60_150), None, "one failure is no outage");
    }
}
