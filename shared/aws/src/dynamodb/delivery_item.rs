//! Deliveries. Before its first attempt a delivery is listed in the item of its task or event,
//! where it costs no write of its own, as `[n, target, event, state, created_at, layout]`. From its
//! next write on it has its own item, which then takes precedence.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::bounds::DELIVERIES_KEPT_MS;
use fluxgate_core::id::{DeliveryId, EndpointId, Subject, TenantId};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Attempt, Delivery, Target};
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number, number_of, text, unreadable, word, word_of};
use super::delivery_key::{TASK_CALLBACK, Which, place};
use super::json_item;
use super::key::{EXPIRES_AT, Key};

pub(super) const DELIVERIES: &str = "deliveries";
/// In a delivery's own item: there is a sparse item beside it.
pub(super) const MISSED: &str = "missed";

/// How long a delivery is kept after its event, and after its last attempt.
const KEPT_S: i64 = (DELIVERIES_KEPT_MS / 1_000) as i64;
/// How long an event without a task is kept: its deliveries may be replayed as long as they are.
pub(super) const EVENT_KEPT_S: i64 = 2 * KEPT_S;

/// In a list: that the delivery's own item lies with its place. Without it an earlier release wrote
/// the list, and may have written the item.
const WITH_ITS_PLACE: u8 = 1;

/// The same of one that waits to be read: its own item was written with its event.
const IN_AN_INBOX: u8 = 2;

/// A delivery as it was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) delivery: Delivery,
    pub(super) by_earlier_release: bool,
}

impl Listed {
    /// Where its own item may lie.
    pub(super) fn own_keys(&self) -> Vec<Key> {
        let delivery = &self.delivery;
        let mut keys = vec![Which::Tried.key(delivery)];
        if self.by_earlier_release {
            keys.push(Key::earlier_delivery(&delivery.tenant, &delivery.id));
        }
        keys
    }

    /// True once it is kept no longer, and its own item, if it ever had one, may be gone.
    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        expires_at(&self.delivery) < now.seconds()
    }
}

pub(super) fn to_attributes(deliveries: &[Delivery]) -> Result<Vec<AttributeValue>> {
    deliveries.iter().map(to_attribute).collect()
}

pub(super) fn to_list(deliveries: &[Delivery]) -> Result<AttributeValue> {
    Ok(AttributeValue::L(to_attributes(deliveries)?))
}

fn to_attribute(delivery: &Delivery) -> Result<AttributeValue> {
    let untried = delivery.version == 1
        && delivery.attempts.is_empty()
        && delivery.id.task() == delivery.task;
    if !untried {
        return Err(Error::internal(
            "row_unwritable",
            "only a delivery without attempts is created with its event",
        ));
    }
    let target = text(place(&delivery.target));
    let (event, state) = (word(&delivery.event)?, word(&delivery.state)?);
    let n = number(delivery.id.number() as u64);
    Ok(AttributeValue::L(vec![
        n,
        target,
        event,
        state,
        number(delivery.created_at.0),
        number(if delivery.pull {
            IN_AN_INBOX
        } else {
            WITH_ITS_PLACE
        }),
    ]))
}

/// The deliveries in the item of their task or event, ordered by id. If several have the same id,
/// as an older release could write, the first one counts.
pub(super) fn listed(tenant: &TenantId, subject: &Subject, item: &Item) -> Result<Vec<Listed>> {
    let elements = Reader(item).list_or_empty(DELIVERIES)?;
    let read =
        |element| from_attribute(tenant, subject, element).ok_or_else(|| unreadable(DELIVERIES));
    let mut deliveries: Vec<Listed> = elements.iter().map(read).collect::<Result<_>>()?;
    let mut seen = HashSet::new();
    deliveries.retain(|listed| seen.insert(listed.delivery.id.number()));
    Ok(deliveries)
}

fn from_attribute(
    tenant: &TenantId,
    subject: &Subject,
    delivery: &AttributeValue,
) -> Option<Listed> {
    let [n, target, event, state, created_at, layout @ ..] = delivery.as_l().ok()?.as_slice()
    else {
        return None;
    };
    let target = match target.as_s().ok()?.as_str() {
        TASK_CALLBACK => Target::TaskCallback,
        endpoint => Target::Endpoint(EndpointId::parse(endpoint).ok()?),
    };
    let n = number_of::<u16>(n)
        .map(usize::from)
        .filter(|n| *n < DeliveryId::NUMBERS_MAX)?;
    let id = match subject {
        Subject::Task(task) => DeliveryId::of(task, n),
        Subject::Notice(event) => DeliveryId::of_notice(event, n),
    };
    let at = Timestamp(number_of(created_at)?);
    Some(Listed {
        delivery: Delivery {
            state: word_of(state)?,
            pull: layout.first().and_then(number_of::<u8>) == Some(IN_AN_INBOX),
            ..Delivery::new(tenant.clone(), id, word_of(event)?, target, at)
        },
        by_earlier_release: layout.is_empty(),
    })
}

/// A delivery's own item.
pub(super) fn to_item(delivery: &Delivery) -> Result<Item> {
    let mut item = json_item::to_item(delivery)?;
    item.insert(EXPIRES_AT.to_owned(), number(expires_at(delivery)));
    if delivery.state.is_missed() {
        item.insert(MISSED.to_owned(), AttributeValue::Bool(true));
    }
    Ok(item)
}

pub(super) fn from_item(item: &Item) -> Result<Delivery> {
    json_item::from_item(item)
}

/// The sparse item beside a missed delivery: its key says which.
pub(super) fn to_sparse_item(delivery: &Delivery) -> Item {
    Item::from([(EXPIRES_AT.to_owned(), number(expires_at(delivery)))])
}

/// One that is replayed on its last day has the whole of its schedule.
fn expires_at(delivery: &Delivery) -> i64 {
    let last = delivery.attempts.last().map(|Attempt { at, .. }| *at);
    let last = [last, delivery.next_at, delivery.attempting_until]
        .into_iter()
        .flatten()
        .fold(delivery.created_at, Ord::max);
    last.seconds() + KEPT_S
}

#[cfg(test)]
mod tests {
    use fluxgate_core::id::{EventId, TaskId};
    use fluxgate_core::webhook::{
        DeliverySignal, DeliveryState, ErrorClass, EventType, Next, transition,
    };

    use super::*;
    use crate::dynamodb::attribute::item_bytes;

    const AT: Timestamp = Timestamp(1_787_618_961_479);

    fn endpoint() -> Target {
        Target::Endpoint(EndpointId::parse(&"b".repeat(32)).unwrap())
    }

    fn subject() -> Subject {
        Subject::Task(TaskId::parse(&"a".repeat(32)).unwrap())
    }

    fn delivery(id: DeliveryId, target: Target, state: DeliveryState) -> Delivery {
        let tenant = TenantId::parse("acme").unwrap();
        Delivery {
            state,
            ..Delivery::new(tenant, id, EventType::TaskCompleted, target, AT)
        }
    }

    fn of_task(n: usize, target: Target, state: DeliveryState) -> Delivery {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();
        delivery(DeliveryId::of(&task, n), target, state)
    }

    fn read(subject: &Subject, list: Vec<AttributeValue>) -> Vec<Listed> {
        let item = Item::from([(DELIVERIES.to_owned(), AttributeValue::L(list))]);
        listed(&TenantId::parse("acme").unwrap(), subject, &item).unwrap()
    }

    fn by_this_release(delivery: &Delivery) -> Listed {
        Listed {
            delivery: delivery.clone(),
            by_earlier_release: false,
        }
    }

    #[test]
    fn untried_deliveries_come_back_as_they_went() {
        let deliveries = [
            of_task(0, Target::TaskCallback, DeliveryState::Pending),
            of_task(16, endpoint(), DeliveryState::Held),
            of_task(
                DeliveryId::NUMBERS_MAX - 1,
                endpoint(),
                DeliveryState::Pending,
            ),
            Delivery {
                pull: true,
                ..of_task(17, endpoint(), DeliveryState::Pending)
            },
        ];
        let event = EventId::parse(&format!("evt_{}", "c".repeat(32))).unwrap();
        let id = DeliveryId::of_notice(&event, 7);
        let of_notice = [delivery(id, endpoint(), DeliveryState::Held)];

        let tasks = read(&subject(), to_attributes(&deliveries).unwrap());
        let notices = read(&Subject::Notice(event), to_attributes(&of_notice).unwrap());

        assert_eq!(tasks, deliveries.each_ref().map(by_this_release));
        assert_eq!(notices, of_notice.each_ref().map(by_this_release));
    }

    #[test]
    fn what_an_earlier_release_listed_may_lie_where_that_wrote_it() {
        let pending = of_task(3, endpoint(), DeliveryState::Pending);
        let mut entry = to_attributes(std::slice::from_ref(&pending)).unwrap();
        let AttributeValue::L(parts) = &mut entry[0] else {
            panic!("an entry is a list");
        };
        parts.truncate(5);

        let found = read(&subject(), entry).remove(0);

        assert_eq!(found.delivery, pending);
        assert!(found.by_earlier_release);
        let places: Vec<String> = found.own_keys().into_iter().map(|key| key.pk).collect();
        let partition = format!("T#acme#D#{}", "b".repeat(32));
        assert_eq!(places, [partition.as_str(), "T#acme"]);
    }

    #[test]
    fn of_deliveries_that_an_older_release_gave_one_id_the_first_counts() {
        let first = of_task(99, Target::TaskCallback, DeliveryState::Pending);
        let doubled = [
            first.clone(),
            of_task(99, endpoint(), DeliveryState::Pending),
        ];

        let found = read(&subject(), to_attributes(&doubled).unwrap());

        assert_eq!(found, [by_this_release(&first)]);
    }

    fn tried(status: u16, next: Next) -> Delivery {
        let class = ErrorClass::of_status(status);
        let attempt = Attempt {
            at: AT.plus_ms(2_000),
            duration_ms: 3,
            status: Some(status),
            class,
            error: class.map(|_| "no".to_owned()),
            body: class.map(|_| "<html>".to_owned()),
            location: None,
            retry_after: class.map(|_| "120".to_owned()),
        };
        let signal = DeliverySignal::Attempted {
            round: 0,
            attempt,
            next,
        };
        let pending = of_task(0, endpoint(), DeliveryState::Pending);
        transition(&pending, signal, AT).unwrap()
    }

    #[test]
    fn a_tried_delivery_comes_back_as_it_went_and_is_not_created_with_its_event() {
        for tried in [
            tried(500, Next::RetryAt(AT.plus_ms(9_000))),
            tried(500, Next::Exhausted),
        ] {
            assert_eq!(from_item(&to_item(&tried).unwrap()).unwrap(), tried);
            assert_eq!(to_attributes(&[tried]).unwrap_err().code, "row_unwritable");
        }
    }

    #[test]
    fn a_delivery_is_kept_from_its_last_attempt_on() {
        let delivered = tried(204, Next::Delivered);
        let retried = tried(500, Next::RetryAt(AT.plus_ms(60_000)));

        for (delivery, last) in [(&delivered, 2), (&retried, 60)] {
            let item = to_item(delivery).unwrap();
            let expiry = number(AT.seconds() + last + KEPT_S);
            assert_eq!(item[EXPIRES_AT], expiry);
        }
        let listed = by_this_release(&of_task(0, endpoint(), DeliveryState::Pending));
        let day_ms = 86_400_000;
        assert!(!listed.is_expired(AT.plus_ms(30 * day_ms)));
        assert!(listed.is_expired(AT.plus_ms(31 * day_ms)));
    }

    /// A write is billed by the started kilobyte.
    #[test]
    fn a_delivery_that_succeeds_at_once_takes_half_a_kilobyte() {
        let delivered = tried(204, Next::Delivered);
        let mut item = to_item(&delivered).unwrap();
        item.extend(Which::Tried.key(&delivered).attributes());

        assert!(item_bytes(&item) <= 600, "{} bytes", item_bytes(&item));
    }
}
