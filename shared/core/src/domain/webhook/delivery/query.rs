//! Which deliveries somebody asks for.

use serde::{Deserialize, Serialize};

use super::{Delivery, DeliveryState, EventType, Target};
use crate::base::id::{DeliveryId, TaskId};
use crate::base::time::Timestamp;

/// A place in the order of deliveries: by the time of their event, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryCursor {
    pub at: Timestamp,
    pub id: DeliveryId,
}

/// What deliveries must have in common. An empty part lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub target: Option<Target>,
    pub states: Vec<DeliveryState>,
    pub event: Option<EventType>,
    pub task: Option<TaskId>,
    /// Of events at that time or later, and before that time.
    pub from: Option<Timestamp>,
    pub before: Option<Timestamp>,
    pub oldest_first: bool,
    /// Of what was written before the call, nothing may be missing.
    pub consistent: bool,
    /// Behind this place, in the order that is asked for.
    pub after: Option<DeliveryCursor>,
    pub limit: usize,
}

/// Some deliveries, and where to read on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    pub deliveries: Vec<Delivery>,
    /// `None` when there are no more.
    pub next: Option<DeliveryCursor>,
}

impl DeliveryQuery {
    /// How many deliveries are looked at for one page, however few of them pass.
    pub const LOOKED_AT_MAX: usize = 1_000;

    pub fn passes(&self, delivery: &Delivery) -> bool {
        let at = delivery.created_at;
        self.target
            .as_ref()
            .is_none_or(|target| delivery.target == *target)
            && (self.states.is_empty() || self.states.contains(&delivery.state))
            && self.event.is_none_or(|event| delivery.event == event)
            && self
                .task
                .as_ref()
                .is_none_or(|task| delivery.task.as_ref() == Some(task))
            && self.from.is_none_or(|from| at >= from)
            && self.before.is_none_or(|before| at < before)
    }

    /// A page of deliveries that come in the order that is asked for, from behind its cursor.
    /// `exhausted` says that there are no others behind them.
    pub fn page(&self, candidates: Vec<Delivery>, exhausted: bool) -> DeliveryPage {
        let mut page = DeliveryPage::default();
        let looked_at = candidates.len();
        for (n, delivery) in candidates.into_iter().enumerate() {
            let is_last = n + 1 == looked_at;
            let cursor = delivery.cursor();
            if self.passes(&delivery) {
                page.deliveries.push(delivery);
            }
            if page.deliveries.len() == self.limit {
                page.next = (!is_last || !exhausted).then_some(cursor);
                return page;
            }
            if is_last && !exhausted {
                page.next = Some(cursor);
            }
        }
        page
    }
}

impl Delivery {
    pub fn cursor(&self) -> DeliveryCursor {
        DeliveryCursor {
            at: self.created_at,
            id: self.id.clone(),
        }
    }
}
