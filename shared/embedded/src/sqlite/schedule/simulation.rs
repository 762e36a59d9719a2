//! A lane in virtual time: who waits for whom.

use std::collections::{BTreeMap, HashMap};

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::Lease;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;

use super::Entry;
use super::simulated_rows::LaneWithRows;

pub(super) const SLOTS: usize = 64;
const LEASE_MS: u64 = 300_000;
const STEP_MS: u64 = 10;

pub(super) fn entry(tenant: &TenantId, n: u64, due: u64) -> Entry {
    let task = TaskId::parse(&format!("{n:032x}")).unwrap();
    Entry {
        job: Job::Archive {
            tenant: tenant.clone(),
            task,
        },
        due: at(due),
        failures: 0,
    }
}

pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp(i64::try_from(ms).unwrap())
}

pub(super) fn tenants(kind: &str, count: usize) -> Vec<TenantId> {
    (0..count)
        .map(|n| TenantId::parse(&format!("{kind}{n}")).unwrap())
        .collect()
}

/// Workers who take every available job and hold it for as long as its tenant's jobs last.
struct Workers {
    lane: LaneWithRows,
    now: u64,
    sent: u64,
    in_hand: BTreeMap<(u64, u64), Lease>,
    /// When the jobs that nobody has taken were sent.
    waiting: HashMap<String, u64>,
    waits: HashMap<TenantId, Vec<u64>>,
}

impl Workers {
    fn new() -> Self {
        let (in_hand, waiting, waits) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self {
            lane: LaneWithRows::new(SLOTS),
            now: 0,
            sent: 0,
            in_hand,
            waiting,
            waits,
        }
    }

    fn send(&mut self, tenant: &TenantId) {
        self.sent += 1;
        let key = format!("{tenant}/{}", self.sent);
        self.waiting.insert(key.clone(), self.now);
        self.lane
            .put(key, entry(tenant, self.sent, self.now), at(self.now));
    }

    /// One step: finished jobs are settled, and free slots are filled.
    fn step(&mut self, job_ms: impl Fn(&TenantId) -> u64) {
        while let Some(done) = self
            .in_hand
            .first_entry()
            .filter(|done| done.key().0 <= self.now)
        {
            self.lane.remove(&done.remove().handle, at(self.now));
        }
        for lease in self.lane.take(SLOTS, at(self.now), LEASE_MS) {
            let tenant = lease.job.tenant().clone();
            let waited = self.now - self.waiting.remove(&lease.handle).unwrap();
            self.in_hand
                .insert((self.now + job_ms(&tenant), lease.receipt), lease);
            self.waits.entry(tenant).or_default().push(waited);
        }
        assert!(self.in_hand.len() <= SLOTS);
        self.now += STEP_MS;
    }

    fn longest_wait(&self, of: impl Fn(&TenantId) -> bool) -> u64 {
        let taken = self
            .waits
            .iter()
            .filter(|(tenant, _)| of(tenant))
            .flat_map(|(_, waits)| waits)
            .copied();
        let left = self
            .waiting
            .iter()
            .filter(|(key, _)| of(&TenantId::parse(key.split('/').next().unwrap()).unwrap()));
        taken
            .chain(left.map(|(_, sent)| self.now - sent))
            .max()
            .unwrap_or(0)
    }
}

fn is_hole(tenant: &TenantId) -> bool {
    tenant.as_str().starts_with("hole")
}

fn job_ms(tenant: &TenantId) -> u64 {
    if is_hole(tenant) { 15_000 } else { 50 }
}

/// Tenants whose receivers never answer, each with more jobs than it can ever finish.
fn beside_black_holes(count: usize) -> Workers {
    let mut workers = Workers::new();
    for hole in tenants("hole", count) {
        (0..(2_000 / count).max(20)).for_each(|_| workers.send(&hole));
    }
    workers
}

#[test]
fn a_tenant_does_not_wait_for_the_slots_of_tenants_whose_receivers_never_answer() {
    for holes in [1, 7, 50] {
        let mut workers = beside_black_holes(holes);

        for n in 0..6_000_u64 {
            if n > 0 && n.is_multiple_of(50) {
                workers.send(&tenants("quick", 5)[usize::try_from(n / 50 % 5).unwrap()]);
            }
            workers.step(job_ms);
        }

        assert_eq!(
            workers.longest_wait(|tenant| !is_hole(tenant)),
            0,
            "beside {holes}"
        );
    }
}

/// If there are as many as slots, they use all of them once, and are known to be slow from then on.
#[test]
fn nor_of_more_such_tenants_than_there_are_slots() {
    for (holes, until_known) in [(100, 3_100), (1_000, 25_000)] {
        let mut workers = beside_black_holes(holes);
        (0..until_known).for_each(|_| workers.step(job_ms));

        for n in 0..6_000_u64 {
            if n.is_multiple_of(50) {
                workers.send(&tenants("quick", 5)[usize::try_from(n / 50 % 5).unwrap()]);
            }
            workers.step(job_ms);
        }

        assert_eq!(
            workers.longest_wait(|tenant| !is_hole(tenant)),
            0,
            "beside {holes}"
        );
    }
}

#[test]
fn tenants_that_all_have_too_much_to_do_get_the_same_slot_time_and_none_is_left_out() {
    let (slow, quick) = (tenants("hole", 40), tenants("quick", 40));
    let mut workers = Workers::new();

    for n in 0..20_000 {
        for tenant in slow.iter().chain(&quick) {
            // One job more than it has taken, so that it always has something to do.
            if n == 0 || workers.lane.turns().due_of(tenant) == 0 {
                workers.send(tenant);
            }
        }
        workers.step(job_ms);
    }

    let used = |tenant: &TenantId| workers.waits[tenant].len() as u64 * job_ms(tenant);
    let of_slow: Vec<u64> = slow.iter().map(used).collect();
    let (least, most) = (of_slow.iter().min().unwrap(), of_slow.iter().max().unwrap());
    assert!(most - least <= 30_000, "from {least} to {most} ms");
    // A slow tenant's jobs in progress are charged when they finish.
    assert!(
        quick.iter().all(|tenant| used(tenant) + 30_000 >= *most),
        "a quick tenant got less than a slow one"
    );
}

#[test]
fn a_tenant_alone_has_half_of_the_shared_slots_and_less_as_others_come() {
    let most_of_one = |count: usize| {
        let mut workers = beside_black_holes(count);
        workers.step(job_ms);
        let all = tenants("hole", count);
        let of = |tenant: &TenantId| workers.lane.turns().in_hand_of(tenant);
        (
            all.iter().map(of).min().unwrap(),
            all.iter().map(of).max().unwrap(),
        )
    };

    // 56 shared slots: each of n tenants gets 1/(n + 1) of them, rounded up for the first.
    assert_eq!(most_of_one(1), (28, 28));
    assert_eq!(most_of_one(7), (7, 7));
    assert_eq!(most_of_one(13), (4, 4));
    assert_eq!(most_of_one(64), (1, 1));
}

#[test]
fn of_one_tenant_the_oldest_due_comes_first() {
    let tenant = &tenants("t", 1)[0];
    let mut lane = LaneWithRows::new(SLOTS);
    for (n, due) in [(1, 300), (2, 100), (3, 200), (4, 9_000)] {
        lane.put(n.to_string(), entry(tenant, n, due), at(0));
    }

    let order: Vec<String> = lane
        .take(SLOTS, at(500), LEASE_MS)
        .into_iter()
        .map(|lease| lease.handle)
        .collect();

    assert_eq!(order, ["2", "3", "1"]);
    assert_eq!(lane.next_in_ms(at(500)), Some(8_500));
}

#[test]
fn a_job_that_waits_is_hastened_and_no_other_under_its_key() {
    let tenant = &tenants("t", 1)[0];
    let mut lane = LaneWithRows::new(SLOTS);
    let (one, other) = (entry(tenant, 1, 4_000), entry(tenant, 2, 4_000));
    lane.put("key".to_owned(), one.clone(), at(0));

    assert!(!lane.hasten("key", &other.job, at(100)));
    assert!(!lane.hasten("no key", &one.job, at(100)));
    assert!(lane.take(SLOTS, at(100), LEASE_MS).is_empty());
    assert!(lane.hasten("key", &one.job, at(100)));
    assert_eq!(lane.take(SLOTS, at(100), LEASE_MS).len(), 1);

    assert!(!lane.hasten("key", &one.job, at(100)), "it is in progress");
    assert_eq!(lane.size(), (1, 1, 0, 1));
}
