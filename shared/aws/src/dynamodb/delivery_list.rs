//! Lists of deliveries: to one place by time, to all of a tenant's places merged, of one task; and
//! what a place missed, by its sparse items.

use std::collections::{HashMap, HashSet};

use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, EndpointId, TaskId, TenantId};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::webhook::{Delivery, DeliveryCursor, DeliveryPage, DeliveryQuery, Target};

use super::attribute::unreadable;
use super::delivery_key::{Which, cursor_of};
use super::delivery_merge::{Found, Merge};
use super::delivery_reads::newest;
use super::key::{ENDPOINT_PREFIX, Key, SK, tenant_partition};
use super::table::{Range, sort_key};
use super::{DynamoStore, delivery_item};

/// How many are read at a time for a query that most may not pass.
const READ_MIN: usize = 100;

impl DynamoStore {
    pub(super) async fn list_deliveries(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
    ) -> Result<DeliveryPage> {
        if let Some(task) = &query.task {
            return self.list_of_task(tenant, task, query).await;
        }
        let targets = match &query.target {
            Some(target) => vec![target.clone()],
            None => self.targets(tenant).await?,
        };
        let which = which(query);
        let mut merge = Merge::new(&self.table, tenant, which, targets, query);
        let at_a_time = if query.states.is_empty() && query.event.is_none() {
            query.limit.max(1)
        } else {
            query.limit.max(READ_MIN)
        };
        let (mut candidates, mut looked_at) = (Vec::new(), 0);
        loop {
            let left = DeliveryQuery::LOOKED_AT_MAX.saturating_sub(looked_at);
            let wanted = at_a_time.min(left);
            let found = merge.next(wanted).await?;
            looked_at += found.len();
            let is_end = found.len() < wanted;
            let last = found.last().map(cursor).transpose()?;
            candidates.extend(self.read(tenant, which, found).await?);
            let passing = candidates.iter().filter(|it| query.passes(it)).count();
            if is_end || passing >= query.limit || looked_at >= DeliveryQuery::LOOKED_AT_MAX {
                return Ok(page(query, candidates, last.filter(|_| !is_end)));
            }
        }
    }

    /// An endpoint that is gone is asked for by its id.
    async fn targets(&self, tenant: &TenantId) -> Result<Vec<Target>> {
        let range = Range {
            projection: Some("#sk"),
            consistent: false,
            ..Range::prefixed(tenant_partition(tenant), ENDPOINT_PREFIX)
        };
        let mut targets = vec![Target::TaskCallback];
        for item in self.table.query(range).await? {
            let id = sort_key(&item).unwrap_or_default();
            let id = id.trim_start_matches(ENDPOINT_PREFIX);
            targets.push(Target::Endpoint(EndpointId::parse(id)?));
        }
        Ok(targets)
    }

    async fn list_of_task(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        query: &DeliveryQuery,
    ) -> Result<DeliveryPage> {
        let key = Key::task(tenant, task);
        let Some(item) = self.table.get_eventual(&key, None).await? else {
            return Ok(DeliveryPage::default());
        };
        let mut deliveries = self.deliveries_in(tenant, task, &item).await?;
        deliveries.sort_by_key(Delivery::cursor);
        if !query.oldest_first {
            deliveries.reverse();
        }
        deliveries.retain(|delivery| is_behind(query, &delivery.cursor()));
        Ok(query.page(deliveries, true))
    }

    async fn read(
        &self,
        tenant: &TenantId,
        which: Which,
        found: Vec<Found>,
    ) -> Result<Vec<Delivery>> {
        match which {
            Which::Tried => found
                .iter()
                .map(|found| delivery_item::from_item(&found.item))
                .collect(),
            Which::Missed => self.missed(tenant, &found).await,
        }
    }

    /// The deliveries beside sparse items, in their order, where there are any.
    async fn missed(&self, tenant: &TenantId, found: &[Found]) -> Result<Vec<Delivery>> {
        let beside = |found: &Found| {
            Some(Key {
                pk: Which::Tried.partition(tenant, &found.target),
                sk: sort_key(&found.item)?.to_owned(),
            })
        };
        let keys: Vec<Key> = found.iter().filter_map(beside).collect();
        let mut known = newest(&self.table.get_all(&keys).await?)?;
        let ids: Vec<DeliveryId> = found
            .iter()
            .map(|found| cursor(found).map(|cursor| cursor.id))
            .collect::<Result<_>>()?;
        let absent = ids.iter().filter(|id| !known.contains_key(*id));
        let absent = self.untried(tenant, absent.collect()).await?;
        known.extend(absent);
        Ok(ids.iter().filter_map(|id| known.remove(id)).collect())
    }

    /// Those that have no item with their place: as their tasks and events list them, or as an
    /// earlier release wrote them.
    async fn untried(
        &self,
        tenant: &TenantId,
        ids: HashSet<&DeliveryId>,
    ) -> Result<HashMap<DeliveryId, Delivery>> {
        let mut subjects = HashMap::new();
        for id in &ids {
            let subject = id.subject();
            subjects.insert(Key::subject(tenant, &subject), subject);
        }
        let keys: Vec<Key> = subjects.keys().cloned().collect();
        let (mut known, mut earlier, now) = (HashMap::new(), Vec::new(), SystemClock.now());
        for item in self.table.get_all(&keys).await? {
            let Some(subject) = Key::of_item(&item).and_then(|key| subjects.get(&key)) else {
                continue;
            };
            for listed in delivery_item::listed(tenant, subject, &item)? {
                let id = listed.delivery.id.clone();
                if !ids.contains(&id) {
                    continue;
                }
                if listed.by_earlier_release {
                    earlier.push(Key::earlier_delivery(tenant, &id));
                }
                if !listed.is_expired(now) {
                    known.insert(id, listed.delivery);
                }
            }
        }
        known.extend(newest(&self.table.get_all(&earlier).await?)?);
        Ok(known)
    }
}

/// Only what was missed has a partition of its own.
fn which(query: &DeliveryQuery) -> Which {
    let only_missed = query.states.iter().all(|state| state.is_missed());
    if !query.states.is_empty() && only_missed {
        Which::Missed
    } else {
        Which::Tried
    }
}

/// The page, which goes on behind what was looked at last, whether or not that was a delivery.
fn page(
    query: &DeliveryQuery,
    candidates: Vec<Delivery>,
    goes_on_behind: Option<DeliveryCursor>,
) -> DeliveryPage {
    let mut page = query.page(candidates, goes_on_behind.is_none());
    if goes_on_behind.is_some() && page.deliveries.len() < query.limit {
        page.next = goes_on_behind;
    }
    page
}

fn is_behind(query: &DeliveryQuery, cursor: &DeliveryCursor) -> bool {
    query.after.as_ref().is_none_or(|after| {
        if query.oldest_first {
            cursor > after
        } else {
            cursor < after
        }
    })
}

fn cursor(found: &Found) -> Result<DeliveryCursor> {
    let sort_key = sort_key(&found.item).unwrap_or_default();
    cursor_of(sort_key).ok_or_else(|| unreadable(SK))
}
