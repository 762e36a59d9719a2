//! The keys of deliveries. Those to one place share a partition, sorted by the time of their event;
//! what the place missed is in a second one, in the same order.

use fluxgate_core::id::{DeliveryId, Subject, TaskId, TenantId};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, DeliveryCursor, Target};

use super::key::Key;

/// Represents [`Target::TaskCallback`]; an endpoint's id is hexadecimal.
pub(super) const TASK_CALLBACK: &str = "task_callback";

/// What releases before these partitions wrote; it is read and updated where it lies.
const EARLIER_PREFIX: &str = "DELIVERY#";

/// The latest time that a sort key holds, in milliseconds: thousands of years from now.
const TIME_MAX: i64 = 999_999_999_999_999;

/// Which of a place's two partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Deliveries, each from its first write after its event's on.
    Tried,
    /// A small item for each delivery that is held or exhausted, wherever that lies.
    Missed,
}

impl Which {
    pub(super) fn partition(self, tenant: &TenantId, target: &Target) -> String {
        let letter = match self {
            Self::Tried => 'D',
            Self::Missed => 'M',
        };
        format!("T#{tenant}#{letter}#{}", place(target))
    }

    pub(super) fn key(self, delivery: &Delivery) -> Key {
        Key {
            pk: self.partition(&delivery.tenant, &delivery.target),
            sk: sort_key_of(delivery.created_at, &delivery.id),
        }
    }
}

impl Key {
    /// What a delivery's event is about.
    pub(super) fn subject(tenant: &TenantId, subject: &Subject) -> Self {
        match subject {
            Subject::Task(task) => Self::task(tenant, task),
            Subject::Notice(event) => Self::notice(tenant, event),
        }
    }

    /// A delivery as an earlier release wrote it.
    pub(super) fn earlier_delivery(tenant: &TenantId, id: &DeliveryId) -> Self {
        Self::of(tenant, format!("{EARLIER_PREFIX}{id}"))
    }
}

pub(super) fn earlier_deliveries_prefix(task: &TaskId) -> String {
    format!("{EARLIER_PREFIX}{task}-")
}

pub(super) fn place(target: &Target) -> &str {
    match target {
        Target::Endpoint(endpoint) => endpoint.as_str(),
        Target::TaskCallback => TASK_CALLBACK,
    }
}

/// The time in a fixed width, so that sort keys are in the order of cursors.
pub(super) fn time_key(at: Timestamp) -> String {
    format!("{:015}", at.0.clamp(0, TIME_MAX))
}

pub(super) fn sort_key_of(at: Timestamp, id: &DeliveryId) -> String {
    format!("{}#{id}", time_key(at))
}

/// The place in the order that a sort key stands for.
pub(super) fn cursor_of(sort_key: &str) -> Option<DeliveryCursor> {
    let (at, id) = sort_key.split_once('#')?;
    Some(DeliveryCursor {
        at: Timestamp(at.parse().ok()?),
        id: DeliveryId::parse(id).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_are_in_the_order_of_their_cursors() {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();
        let mut cursors: Vec<DeliveryCursor> = [999, 1_000, 1_787_618_961_479]
            .into_iter()
            .flat_map(|at| [0, 9, 10, 100, 9_999].map(|n| (at, n)))
            .map(|(at, n)| DeliveryCursor {
                at: Timestamp(at),
                id: DeliveryId::of(&task, n),
            })
            .collect();
        cursors.sort();

        let keys: Vec<String> = cursors
            .iter()
            .map(|cursor| sort_key_of(cursor.at, &cursor.id))
            .collect();

        assert!(keys.is_sorted(), "{keys:?}");
        let back: Vec<_> = keys.iter().filter_map(|key| cursor_of(key)).collect();
        assert_eq!(back, cursors);
    }
}
