//! A lane beside its rows, as the store keeps them: everything is a row, and the lane has those in
//! memory that it asked for.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Lease;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;

use super::Entry;
use super::lane::{Lane, Page, Wanted};
use super::stored::Position;

/// Few, so that many pages are needed.
const PAGE_ROWS: usize = 24;
const READ_AHEAD_MS: u64 = 1_000;

pub(super) struct LaneWithRows {
    lane: Lane,
    rows: HashMap<TenantId, BTreeMap<Position, Entry>>,
    positions: HashMap<String, (TenantId, Position)>,
    /// The most jobs that were in memory.
    pub(super) most: usize,
    pub(super) pages: usize,
}

impl Deref for LaneWithRows {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        &self.lane
    }
}

impl LaneWithRows {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            lane: Lane::new(slots),
            rows: HashMap::new(),
            positions: HashMap::new(),
            most: 0,
            pages: 0,
        }
    }

    /// The process starts again: only rows are left.
    pub(super) fn restart(&mut self, slots: usize) {
        self.lane = Lane::new(slots);
        for (tenant, rows) in &self.rows {
            if let Some((position, _)) = rows.first_key_value() {
                self.lane.add_stored(tenant, position.clone());
            }
        }
    }

    pub(super) fn put(&mut self, key: String, entry: Entry, now: Timestamp) {
        self.forget(&key);
        let (tenant, position) = (entry.job.tenant().clone(), (entry.due, key.clone()));
        self.positions
            .insert(key.clone(), (tenant.clone(), position.clone()));
        let rows = self.rows.entry(tenant).or_default();
        rows.insert(position, entry.clone());
        self.lane.put(key, entry, now);
        self.most = self.most.max(self.lane.size().0);
    }

    pub(super) fn remove(&mut self, key: &str, now: Timestamp) {
        self.forget(key);
        self.lane.remove(key, now);
    }

    fn forget(&mut self, key: &str) {
        if let Some((tenant, position)) = self.positions.remove(key) {
            self.rows.get_mut(&tenant).unwrap().remove(&position);
        }
    }

    pub(super) fn hasten(&mut self, key: &str, job: &Job, now: Timestamp) -> bool {
        self.lane.hasten(key, job, now)
    }

    pub(super) fn settle(&mut self, lease: &Lease, now: Timestamp) -> bool {
        self.lane.settle(lease, now)
    }

    pub(super) fn take(&mut self, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        while let wanted = self.lane.wanted(now)
            && !wanted.is_nothing()
        {
            self.read(wanted, now);
        }
        self.lane.take(max, now, lease_ms)
    }

    pub(super) fn wanted(&mut self, now: Timestamp) -> Wanted {
        self.lane.wanted(now)
    }

    pub(super) fn read(&mut self, wanted: Wanted, now: Timestamp) {
        for (tenant, from) in wanted.tenants {
            let page = self.page(tenant, from, now);
            self.lane.add_page(page, now);
            self.pages += 1;
        }
        for (key, job) in wanted.asked {
            let Some((tenant, position)) = self.positions.get(&key) else {
                continue;
            };
            let entry = self.rows[tenant][position].clone();
            if entry.job == job {
                self.lane.add_hastened(key, entry, now);
            }
        }
        self.most = self.most.max(self.lane.size().0);
    }

    fn page(&self, tenant: TenantId, from: Position, now: Timestamp) -> Page {
        let rows = self.rows.get(&tenant).into_iter();
        let mut rows = rows.flat_map(|rows| rows.range(from.clone()..));
        let (mut jobs, mut next) = (Vec::new(), None);
        for ((due, key), entry) in rows.by_ref() {
            if *due > now.plus_ms(READ_AHEAD_MS) || jobs.len() == PAGE_ROWS {
                next = Some((*due, key.clone()));
                break;
            }
            jobs.push((key.clone(), entry.clone()));
        }
        Page {
            tenant,
            from,
            jobs,
            next,
        }
    }
}
