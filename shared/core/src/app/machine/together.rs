//! Brings signals to several tasks of one tenant: their endpoints are read once, and the store may
//! write them together.

use super::announce::deliveries_among;
use super::{Machine, SignalOutcome};
use crate::app::held::tell_held;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::task::{Change, Signal, Task, transition};
use crate::port::EndpointList;

impl Machine {
    /// As `signal` for each of these tasks of one tenant; the outcomes are in their order. What is
    /// not as simple as it mostly is, or could not be written, goes by `signal` alone.
    pub(crate) async fn signal_each(
        &self,
        tenant: &TenantId,
        members: Vec<(Task, Signal)>,
    ) -> Vec<Result<SignalOutcome>> {
        let now = self.context.now();
        let listed = self.context.endpoints().list(tenant).await.ok();
        let changes: Vec<Option<Change>> = members
            .iter()
            .map(|(task, signal)| self.plain(task, signal, listed.as_ref()?, now))
            .collect();
        let written = self.write_each(&changes).await;
        let mut outcomes = Vec::with_capacity(members.len());
        for (((task, signal), change), written) in members.into_iter().zip(changes).zip(written) {
            outcomes.push(match change.filter(|_| written) {
                Some(change) => {
                    self.after_write(&task, &change).await;
                    Ok(SignalOutcome::Changed(change.task))
                }
                None => Box::pin(self.signal(task, signal)).await,
            });
        }
        outcomes
    }

    /// The change that ends a task, with its deliveries.
    fn plain(
        &self,
        task: &Task,
        signal: &Signal,
        listed: &EndpointList,
        now: Timestamp,
    ) -> Option<Change> {
        let mut change = transition(task, signal.clone(), now).ok()?;
        let event = change.task.state.event()?;
        if change.is_duplicate() || task.state.is_end() {
            return None;
        }
        let deliveries = deliveries_among(listed.clone(), &change.task, event, &[], now);
        for delivery in deliveries {
            change.deliver(delivery);
        }
        Some(change)
    }

    /// Which of them were written.
    async fn write_each(&self, changes: &[Option<Change>]) -> Vec<bool> {
        let plain: Vec<Change> = changes.iter().flatten().cloned().collect();
        let mut outcomes = self.context.tasks().apply_each(&plain).await.into_iter();
        let is_written = |change: &Option<Change>| {
            let Some(change) = change else {
                return false;
            };
            let is_written = outcomes.next().is_some_and(|outcome| outcome.is_ok());
            if is_written {
                tell_held(&change.deliveries);
            }
            is_written
        };
        changes.iter().map(is_written).collect()
    }
}
