//! What holds of a lane whatever happens.

use std::collections::HashSet;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Lease;

use super::lane::Wanted;
use super::simulated_rows::LaneWithRows;
use super::simulation::{SLOTS, at, entry, tenants};

/// Reproducible random numbers: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Senders and workers who do anything in any order: send, send again, take back, settle, settle
/// soon, hasten, let a lease run out, read rows late, start again.
struct Chaos {
    random: Random,
    tenants: Vec<TenantId>,
    lane: LaneWithRows,
    /// What was sent and is neither done nor taken back.
    jobs: HashSet<String>,
    held: Vec<Lease>,
    /// Their ends are yet to be written.
    settled: Vec<Lease>,
    /// What is yet to be read.
    wanted: Option<Wanted>,
    now: u64,
}

impl Chaos {
    fn seeded(seed: u64) -> Self {
        let (jobs, held, settled) = (HashSet::new(), Vec::new(), Vec::new());
        Self {
            random: Random(seed),
            tenants: tenants("t", 20),
            lane: LaneWithRows::new(SLOTS),
            jobs,
            held,
            settled,
            wanted: None,
            now: 1_000,
        }
    }

    fn step(&mut self) {
        let n = self.random.below(120);
        let tenant = &self.tenants[usize::try_from(n % 20).unwrap()];
        let key = format!("archive/{tenant}/{n}");
        match self.random.below(40) {
            0..=15 => {
                // One in four is for later, and stays in the table for a while.
                let most_ms = if n.is_multiple_of(4) { 20_000 } else { 3_000 };
                let entry = entry(tenant, n, self.now + self.random.below(most_ms));
                self.lane.put(key.clone(), entry, at(self.now));
                self.jobs.insert(key);
            }
            16..=18 => {
                self.lane.remove(&key, at(self.now));
                self.jobs.remove(&key);
            }
            19 => drop(
                self.lane
                    .hasten(&key, &entry(tenant, n, 0).job, at(self.now)),
            ),
            20..=27 => {
                let most = usize::try_from(self.random.below(8)).unwrap();
                self.held.extend(self.lane.take(most, at(self.now), 1_000));
            }
            28..=30 if !self.held.is_empty() => self.settle_one(),
            31..=33 if !self.held.is_empty() => self.settle_one_soon(),
            34..=35 => self.write_settled(),
            36 if n == 0 => self.restart(),
            37 if self.wanted.is_none() => self.wanted = Some(self.lane.wanted(at(self.now))),
            38 => self.read(),
            _ => self.now += self.random.below(700),
        }
    }

    fn settle_one_soon(&mut self) {
        let index = usize::try_from(self.random.below(self.held.len() as u64)).unwrap();
        let lease = self.held.swap_remove(index);
        if self.lane.settle(&lease, at(self.now)) {
            self.settled.push(lease);
        }
    }

    fn write_settled(&mut self) {
        for lease in std::mem::take(&mut self.settled) {
            if self.lane.holds(&lease) {
                self.lane.remove(&lease.handle, at(self.now));
                self.jobs.remove(&lease.handle);
            }
        }
    }

    fn read(&mut self) {
        if let Some(wanted) = self.wanted.take() {
            self.lane.read(wanted, at(self.now));
        }
    }

    /// What was not written is done again.
    fn restart(&mut self) {
        self.lane.restart(SLOTS);
        self.held.clear();
        self.settled.clear();
        self.wanted = None;
    }

    fn settle_one(&mut self) {
        let index = usize::try_from(self.random.below(self.held.len() as u64)).unwrap();
        let lease = self.held.swap_remove(index);
        if self.lane.holds(&lease) {
            self.lane.remove(&lease.handle, at(self.now));
            self.jobs.remove(&lease.handle);
        }
    }

    fn assert_each_job_is_in_one_place(&self) {
        let current = self.held.iter().filter(|lease| self.lane.holds(lease));
        let current: Vec<&str> = current.map(|lease| lease.handle.as_str()).collect();
        let apart: HashSet<_> = current.iter().collect();
        assert_eq!(apart.len(), current.len(), "a job is in two hands");
        let (slots, timers, due, known) = self.lane.size();
        assert_eq!(slots, timers + due, "each job in memory is in one place");
        assert!(slots <= self.jobs.len(), "a job that is gone is in memory");
        assert!(known <= self.tenants.len());
    }

    /// Whoever held something is gone: after the leases everything is handed out, once each.
    fn assert_all_that_is_left_is_handed_out_once(mut self) {
        self.write_settled();
        self.read();
        self.now += 30_000;
        let mut left = self.jobs;
        while !left.is_empty() {
            let leases = self.lane.take(8, at(self.now), 60_000);
            assert!(
                !leases.is_empty(),
                "{} jobs are never handed out",
                left.len()
            );
            for lease in leases {
                assert!(left.remove(&lease.handle), "{} came twice", lease.handle);
                self.lane.remove(&lease.handle, at(self.now));
            }
        }
        assert_eq!(self.lane.size().0, 0);
        assert_eq!(self.lane.next_in_ms(at(self.now)), None);
    }
}

#[test]
fn whatever_happens_no_job_is_lost_or_in_two_hands_and_nothing_outdated_stays() {
    for seed in 0..40 {
        let mut chaos = Chaos::seeded(seed);

        for _ in 0..3_000 {
            chaos.step();
            chaos.assert_each_job_is_in_one_place();
        }

        chaos.assert_all_that_is_left_is_handed_out_once();
    }
}
