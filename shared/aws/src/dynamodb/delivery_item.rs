//! Deliveries. Before its first attempt a delivery is stored in its task's item, where it costs no
//! write of its own, as a list `[n, target, event, state, created_at]`. From its first attempt on
//! it has its own item, which then takes precedence.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::id::{DeliveryId, EndpointId, TaskId, TenantId};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, Target};
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number, number_of, text, unreadable, word, word_of};
use super::json_item;

pub(super) const DELIVERIES: &str = "deliveries";

/// Represents [`Target::TaskCallback`]; an endpoint's id is hexadecimal.
const TASK_CALLBACK: &str = "task_callback";

pub(super) fn to_attributes(deliveries: &[Delivery]) -> Result<Vec<AttributeValue>> {
    deliveries.iter().map(to_attribute).collect()
}

fn to_attribute(delivery: &Delivery) -> Result<AttributeValue> {
    let untried = delivery.version == 1
        && delivery.attempts.is_empty()
        && delivery.id.task() == delivery.task;
    if !untried {
        return Err(Error::internal(
            "row_unwritable",
            "only a delivery without attempts is created with its task",
        ));
    }
    let target = match &delivery.target {
        Target::Endpoint(endpoint) => text(endpoint.as_str()),
        Target::TaskCallback => text(TASK_CALLBACK),
    };
    let (event, state) = (word(&delivery.event)?, word(&delivery.state)?);
    let n = number(delivery.id.number() as u64);
    Ok(AttributeValue::L(vec![
        n,
        target,
        event,
        state,
        number(delivery.created_at.0),
    ]))
}

/// The deliveries in a task's item, ordered by id. If several have the same id, as an older release
/// could write, the first one counts.
pub(super) fn from_task_item(
    tenant: &TenantId,
    task: &TaskId,
    item: &Item,
) -> Result<Vec<Delivery>> {
    let elements = Reader(item).list_or_empty(DELIVERIES)?;
    let read =
        |element| from_attribute(tenant, task, element).ok_or_else(|| unreadable(DELIVERIES));
    let mut deliveries: Vec<Delivery> = elements.iter().map(read).collect::<Result<_>>()?;
    let mut seen = HashSet::new();
    deliveries.retain(|delivery| seen.insert(delivery.id.number()));
    Ok(deliveries)
}

fn from_attribute(tenant: &TenantId, task: &TaskId, delivery: &AttributeValue) -> Option<Delivery> {
    let [n, target, event, state, created_at, ..] = delivery.as_l().ok()?.as_slice() else {
        return None;
    };
    let target = match target.as_s().ok()?.as_str() {
        TASK_CALLBACK => Target::TaskCallback,
        endpoint => Target::Endpoint(EndpointId::parse(endpoint).ok()?),
    };
    Some(Delivery {
        tenant: tenant.clone(),
        id: DeliveryId::of(
            task,
            number_of::<u16>(n)
                .map(usize::from)
                .filter(|n| *n < DeliveryId::NUMBERS_MAX)?,
        ),
        version: 1,
        task: task.clone(),
        event: word_of(event)?,
        target,
        state: word_of(state)?,
        attempts: Vec::new(),
        created_at: Timestamp(number_of(created_at)?),
    })
}

/// A delivery with at least one attempt.
pub(super) fn to_item(delivery: &Delivery) -> Result<Item> {
    json_item::to_item(delivery)
}

pub(super) fn from_item(item: &Item) -> Result<Delivery> {
    json_item::from_item(item)
}

#[cfg(test)]
mod tests {
    use fluxgate_core::webhook::{Attempt, DeliveryState, EventType};

    use super::*;

    fn delivery(n: usize, target: Target, state: DeliveryState) -> Delivery {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();
        Delivery {
            tenant: TenantId::parse("acme").unwrap(),
            id: DeliveryId::of(&task, n),
            version: 1,
            task,
            event: EventType::TaskCompleted,
            target,
            state,
            attempts: Vec::new(),
            created_at: Timestamp(1_787_618_961_479),
        }
    }

    #[test]
    fn untried_deliveries_come_back_as_they_went() {
        let endpoint = Target::Endpoint(EndpointId::parse(&"b".repeat(32)).unwrap());
        let deliveries = [
            delivery(0, Target::TaskCallback, DeliveryState::Pending),
            delivery(16, endpoint.clone(), DeliveryState::Held),
            delivery(
                DeliveryId::NUMBERS_MAX - 1,
                endpoint,
                DeliveryState::Pending,
            ),
        ];

        let list = AttributeValue::L(to_attributes(&deliveries).unwrap());
        let item = Item::from([(DELIVERIES.to_owned(), list)]);

        let read = from_task_item(&deliveries[0].tenant, &deliveries[0].task, &item).unwrap();
        assert_eq!(read, deliveries);
    }

    #[test]
    fn of_deliveries_that_an_older_release_gave_one_id_the_first_counts() {
        let endpoint = Target::Endpoint(EndpointId::parse(&"b".repeat(32)).unwrap());
        let first = delivery(99, Target::TaskCallback, DeliveryState::Pending);
        let doubled = [
            first.clone(),
            delivery(99, endpoint, DeliveryState::Pending),
        ];

        let list = AttributeValue::L(to_attributes(&doubled).unwrap());
        let item = Item::from([(DELIVERIES.to_owned(), list)]);

        assert_eq!(
            from_task_item(&first.tenant, &first.task, &item).unwrap(),
            [first]
        );
    }

    #[test]
    fn a_tried_delivery_comes_back_as_it_went_and_is_not_created_with_its_task() {
        let attempt = Attempt {
            at: Timestamp(5),
            duration_ms: 3,
            status: Some(500),
            error: Some("no".to_owned()),
        };
        let tried = delivery(0, Target::TaskCallback, DeliveryState::Pending)
            .attempted(attempt, DeliveryState::Delivered);

        assert_eq!(from_item(&to_item(&tried).unwrap()).unwrap(), tried);
        assert_eq!(to_attributes(&[tried]).unwrap_err().code, "row_unwritable");
    }
}
