//! Creates the deliveries for a task's end. They are written together with the end where possible;
//! if they cannot be, the end is written without them and the watch adds them later.

use super::Machine;
use crate::base::error::{Kind, Result};
use crate::base::id::DeliveryId;
use crate::base::time::Timestamp;
use crate::domain::task::{Change, Signal, Task};
use crate::domain::webhook::{Delivery, DeliveryState, Target};

/// Maximum number of deliveries per event. Tenants may have far fewer endpoints than this, but an
/// older release could be made to accept more.
const DELIVERIES_MAX: usize = 1_000;

impl Machine {
    /// Adds the deliveries for an end that is about to be written, or that was written without
    /// them.
    pub(crate) async fn announce(
        &self,
        before: &Task,
        change: &mut Change,
        now: Timestamp,
    ) -> Result<()> {
        let ends = !before.state.is_end() && change.task.state.is_end();
        if ends {
            match self.deliveries_of(&change.task, &[], now).await {
                Ok(deliveries) => deliveries
                    .into_iter()
                    .for_each(|delivery| change.deliver(delivery)),
                Err(error) => {
                    let (task, error) = (&change.task, error.with_causes());
                    tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error, "could not prepare the callbacks of an ended task; the watch will add them later");
                    change.put_off_events(self.context.bounds.wake.first_ms);
                }
            }
        } else if before.untold && !change.task.untold {
            let there = self.context.deliveries().of_task(before).await?;
            let missing = self.deliveries_of(before, &there, now).await?;
            missing
                .into_iter()
                .for_each(|delivery| change.deliver(delivery));
        }
        Ok(())
    }

    /// Writes a change; an end that cannot be written with its deliveries is written without them.
    pub(crate) async fn write(&self, before: &Task, change: &mut Change) -> Result<()> {
        match self.context.tasks().apply(change).await {
            // On a conflict the caller reads the task again; a store that is unavailable would not
            // accept the smaller change either.
            Err(error)
                if !matches!(error.kind, Kind::Conflict | Kind::Unavailable)
                    && !before.state.is_end()
                    && !change.deliveries.is_empty() =>
            {
                let (task, error) = (&change.task, error.with_causes());
                tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error, "could not write a task's end together with its callbacks; writing the end alone, the watch will add them later");
                change.put_off_events(self.context.bounds.wake.first_ms);
                self.context.tasks().apply(change).await
            }
            written => written,
        }
    }

    /// Adds the deliveries for an end that was written without them.
    pub(crate) async fn tell(&self, task: Task) -> Result<Task> {
        Ok(self.signal(task, Signal::Announced).await?.task())
    }

    /// A delivery for each target that subscribes to this end and has none yet. Deliveries for
    /// disabled or unreadable endpoints are held, not dropped.
    async fn deliveries_of(
        &self,
        task: &Task,
        there: &[Delivery],
        now: Timestamp,
    ) -> Result<Vec<Delivery>> {
        let Some(event) = task.state.event() else {
            return Ok(Vec::new());
        };
        let listed = self.context.endpoints().list(&task.tenant).await?;
        let callback = task
            .callback
            .is_some()
            .then_some((Target::TaskCallback, DeliveryState::Pending));
        let wanting = listed
            .endpoints
            .into_iter()
            .filter(|endpoint| endpoint.wants(event))
            .map(|endpoint| {
                let state = if endpoint.enabled {
                    DeliveryState::Pending
                } else {
                    DeliveryState::Held
                };
                (Target::Endpoint(endpoint.id), state)
            });
        let unreadable = listed
            .unreadable
            .into_iter()
            .map(|id| (Target::Endpoint(id), DeliveryState::Held));
        let mut places: Vec<(Target, DeliveryState)> = callback
            .into_iter()
            .chain(wanting)
            .chain(unreadable)
            .collect();
        if places.len() > DELIVERIES_MAX {
            let places = places.len();
            tracing::error!(task.id = %task.id, tenant.id = %task.tenant, places, "too many endpoints for one event; some will not receive it");
        }
        places.truncate(DELIVERIES_MAX);
        places.retain(|(place, _)| {
            !there
                .iter()
                .any(|known| known.event == event && known.target == *place)
        });
        let first = there
            .iter()
            .map(|known| known.id.number() + 1)
            .max()
            .unwrap_or(0);
        let numbered = (first..DeliveryId::NUMBERS_MAX).zip(places);
        Ok(numbered
            .map(|(n, (target, state))| Delivery {
                state,
                ..task.delivery(DeliveryId::of(&task.id, n), event, target, now)
            })
            .collect())
    }
}
