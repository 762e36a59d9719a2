//! Writing deliveries. A missed one has a sparse item beside it, written and removed in the same
//! transaction, so that what a place missed is one query. That says where to look, never what is
//! there: one without a missed delivery is passed by.

use fluxgate_core::Result;
use fluxgate_core::port::errors::delivery_changed;
use fluxgate_core::webhook::{Delivery, DeliveryState, Target};

use super::attribute::{Item, Reader, bytes, number};
use super::delivery_key::Which;
use super::key::Key;
use super::transact::{CallMark, MARK, WriteOutcome, is_marked};
use super::write::Write;
use super::{DynamoStore, delivery_item};

/// The time of the last event that was written for a pull endpoint. Nobody reads it: writing it is
/// what makes the condition part of the transaction, with the permissions that every function has.
const TOLD_AT: &str = "told_at";

/// DynamoDB's limit for one transaction.
pub(super) const TRANSACTION_ITEMS_MAX: usize = 100;

/// What becomes of the sparse item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sparse {
    Put,
    /// There may be one.
    Removed,
    /// There is none: the write is by itself, which costs half as much.
    Absent,
}

impl Sparse {
    fn after(delivery: &Delivery) -> Self {
        if delivery.state.is_missed() {
            return Self::Put;
        }
        let begins_schedule = delivery.state == DeliveryState::Pending
            && delivery.attempts_of_schedule() == 0
            && delivery.attempting_until.is_none();
        if begins_schedule || delivery.state == DeliveryState::Cancelled {
            Self::Removed
        } else {
            Self::Absent
        }
    }

    /// When there certainly may be one.
    fn found_by(delivery: &Delivery) -> Self {
        match Self::after(delivery) {
            Self::Absent => Self::Removed,
            known => known,
        }
    }
}

impl DynamoStore {
    pub(super) async fn update_delivery(&self, delivery: &Delivery) -> Result<()> {
        let mark = CallMark::fresh();
        let own = Which::Tried.key(delivery);
        let replace = self.replace_delivery(own.clone(), delivery, Sparse::after(delivery), mark);
        let Some(there) = replace.await? else {
            return Ok(());
        };
        let expected = delivery.version.saturating_sub(1);
        let key = if there.is_empty() && expected > 1 {
            Key::earlier_delivery(&delivery.tenant, &delivery.id)
        } else if is_missed_in(&there, expected)? {
            own
        } else {
            return Err(delivery_changed());
        };
        match self
            .replace_delivery(key, delivery, Sparse::found_by(delivery), mark)
            .await?
        {
            None => Ok(()),
            Some(_) => Err(delivery_changed()),
        }
    }

    /// Returns what is there instead of what was expected.
    async fn replace_delivery(
        &self,
        key: Key,
        delivery: &Delivery,
        sparse: Sparse,
        mark: CallMark,
    ) -> Result<Option<Item>> {
        let mark = bytes(mark.as_bytes());
        let mut item = delivery_item::to_item(delivery)?;
        item.insert(MARK.to_owned(), mark.clone());
        let put = Write::put(key, item);
        let put = match delivery.version.saturating_sub(1) {
            // It is listed with its event until then.
            1 if !delivery.pull => put.when("attribute_not_exists(#pk)"),
            expected => put
                .when("#version = :expected")
                .with(":expected", number(expected)),
        };
        let beside = Which::Missed.key(delivery);
        let writes = match sparse {
            Sparse::Put => vec![put, put_sparse(delivery)],
            Sparse::Removed => vec![put, Write::delete(beside)],
            Sparse::Absent if delivery.version > 2 => {
                vec![put.and("attribute_not_exists(#missed)")]
            }
            Sparse::Absent => vec![put],
        };
        match self.table.write(&writes).await? {
            WriteOutcome::Written => Ok(None),
            // An earlier try of this very call, whose answer was lost.
            WriteOutcome::Refused(found) if is_marked(&found, &mark) => Ok(None),
            WriteOutcome::Refused(found) => {
                Ok(Some(found.into_iter().next().flatten().unwrap_or_default()))
            }
        }
    }

    /// Adds the items of deliveries that wait to be read to the writes of their event, each with
    /// the condition that its inbox was not read past it. Returns where they are.
    pub(super) fn note_pulled(
        deliveries: &[Delivery],
        writes: &mut Vec<Write>,
    ) -> Result<std::ops::Range<usize>> {
        let first = writes.len();
        for delivery in deliveries.iter().filter(|delivery| delivery.pull) {
            let Target::Endpoint(endpoint) = &delivery.target else {
                continue;
            };
            let item = delivery_item::to_item(delivery)?;
            writes.push(Write::put(Which::Tried.key(delivery), item));
            let in_time = Write::update(Key::endpoint(&delivery.tenant, endpoint))
                .when("#pull.#read_to < :told_at")
                .set(TOLD_AT, number(delivery.created_at.0));
            writes.push(in_time);
        }
        Ok(first..writes.len())
    }

    /// Adds the sparse items of deliveries that are created as held to the writes of their event.
    /// Those that one transaction does not take, with so many others still to come, are written
    /// before it: if that is refused, they say where to look and nothing is there.
    pub(super) async fn note_held(
        &self,
        deliveries: &[Delivery],
        writes: &mut Vec<Write>,
        to_come: usize,
    ) -> Result<()> {
        let held = deliveries.iter().filter(|it| it.state.is_missed());
        let sparse: Vec<Write> = held.map(put_sparse).collect();
        let room = TRANSACTION_ITEMS_MAX.saturating_sub(writes.len() + to_come);
        let (with_event, before) = sparse.split_at(room.min(sparse.len()));
        for chunk in before.chunks(TRANSACTION_ITEMS_MAX) {
            self.table.write(chunk).await?;
        }
        writes.extend_from_slice(with_event);
        Ok(())
    }
}

fn put_sparse(delivery: &Delivery) -> Write {
    Write::put(
        Which::Missed.key(delivery),
        delivery_item::to_sparse_item(delivery),
    )
}

fn is_missed_in(there: &Item, version: u64) -> Result<bool> {
    let is_expected = Reader(there).optional_number::<u64>("version")? == Some(version);
    Ok(is_expected && there.contains_key(delivery_item::MISSED))
}
