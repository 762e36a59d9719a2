//! Creates the deliveries for a task's end. They are written together with the end where possible;
//! if they cannot be, the end is written without them and the watch adds them later.

use super::Machine;
use crate::app::held::tell_held;
use crate::base::error::{Kind, Result};
use crate::base::id::DeliveryId;
use crate::base::time::Timestamp;
use crate::domain::task::{Change, Signal, State, Task};
use crate::domain::webhook::{DELIVERIES_MAX, Delivery, DeliveryState, EventType, Target};
use crate::port::EndpointList;

/// The deliveries of a start are numbered from here, those of an end from zero: neither has to look
/// for the other.
const STARTED_FROM: usize = 5_000;

impl Machine {
    /// Adds the deliveries for an end that is about to be written, or that was written without
    /// them.
    pub(crate) async fn announce(
        &self,
        before: &Task,
        change: &mut Change,
        now: Timestamp,
    ) -> Result<()> {
        self.announce_start(before, change, now).await;
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
        } else if before.untold && !change.task.untold && change.task.deleted.is_none() {
            let there = self.context.deliveries().of_task(before).await?;
            let missing = self.deliveries_of(before, &there, now).await?;
            missing
                .into_iter()
                .for_each(|delivery| change.deliver(delivery));
        }
        Ok(())
    }

    /// Few want to hear of starts, and a start that cannot be told now is of no use later.
    async fn announce_start(&self, before: &Task, change: &mut Change, now: Timestamp) {
        if before.state == State::Submitted || change.task.state != State::Submitted {
            return;
        }
        let task = &change.task;
        let event = EventType::TaskStarted;
        let listed = self.context.endpoints().list_eventual(&task.tenant).await;
        let endpoints = match listed {
            Ok(listed) => listed.endpoints,
            Err(error) => {
                let error = error.with_causes();
                tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error, "task.started is not told: endpoints unreadable");
                return;
            }
        };
        let wanting: Vec<Delivery> = (STARTED_FROM..)
            .zip(
                endpoints
                    .iter()
                    .filter(|endpoint| endpoint.wants_of(task, event, now)),
            )
            .map(|(n, endpoint)| {
                let id = DeliveryId::of(&task.id, n);
                endpoint.addressed(task.delivery(id, event, endpoint.target(), now))
            })
            .collect();
        for delivery in wanting {
            change.deliver(delivery);
        }
    }

    /// Writes a change; if it is an end that cannot be written with its events, without them.
    pub(crate) async fn write(&self, before: &Task, change: &mut Change) -> Result<()> {
        self.write_with_events_or_without(before, change).await?;
        tell_held(&change.deliveries);
        Ok(())
    }

    async fn write_with_events_or_without(&self, before: &Task, change: &mut Change) -> Result<()> {
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
        Ok(deliveries_among(listed, task, event, there, now))
    }
}

/// As [`Machine::deliveries_of`], of the listed endpoints and the task's own callback.
pub(super) fn deliveries_among(
    listed: EndpointList,
    task: &Task,
    event: EventType,
    there: &[Delivery],
    now: Timestamp,
) -> Vec<Delivery> {
    let callback =
        task.callback
            .is_some()
            .then_some((Target::TaskCallback, DeliveryState::Pending, false));
    let wanting = listed
        .endpoints
        .into_iter()
        .filter(|endpoint| endpoint.wants_of(task, event, now))
        .map(|endpoint| {
            let is_read = endpoint.pull().is_some();
            (endpoint.target(), endpoint.first_state(), is_read)
        });
    let unreadable = listed
        .unreadable
        .into_iter()
        .map(|id| (Target::Endpoint(id), DeliveryState::Held, false));
    let mut places: Vec<(Target, DeliveryState, bool)> = callback
        .into_iter()
        .chain(wanting)
        .chain(unreadable)
        .collect();
    if places.len() > DELIVERIES_MAX {
        let places = places.len();
        tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, places, "a tenant has too many endpoints for one event; some will not receive it");
    }
    places.truncate(DELIVERIES_MAX);
    places.retain(|(place, ..)| {
        !there
            .iter()
            .any(|known| known.event == event && known.target == *place)
    });
    let first = there
        .iter()
        .filter(|known| known.event.is_end())
        .map(|known| known.id.number() + 1)
        .max()
        .unwrap_or(0);
    let numbered = (first..DeliveryId::NUMBERS_MAX).zip(places);
    numbered
        .map(|(n, (target, state, pull))| Delivery {
            state,
            pull,
            ..task.delivery(DeliveryId::of(&task.id, n), event, target, now)
        })
        .collect()
}
