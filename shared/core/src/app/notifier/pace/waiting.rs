//! The jobs that wait for a place at an endpoint, for a queue that can hasten them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::task::Job;

/// Jobs of one endpoint that are remembered while its places are taken, some 200 bytes each. Those
/// beyond come by their own delay: with 20 s at most, enough of them return each second to keep a
/// fast receiver busy.
pub(super) const WAITING_MAX: usize = 16_384;

/// Who looked while all places were taken, in their order.
#[derive(Default)]
pub(super) struct Waiting {
    turns: HashMap<Arc<Job>, u64>,
    in_turn: BTreeMap<u64, Arc<Job>>,
    last: u64,
}

impl Waiting {
    pub(super) fn add(&mut self, job: Job) {
        if self.turns.len() >= WAITING_MAX || self.turns.contains_key(&job) {
            return;
        }
        self.last += 1;
        let job = Arc::new(job);
        self.turns.insert(job.clone(), self.last);
        self.in_turn.insert(self.last, job);
    }

    pub(super) fn remove(&mut self, job: &Job) {
        if let Some(turn) = self.turns.remove(job) {
            self.in_turn.remove(&turn);
        }
    }

    pub(super) fn next(&mut self) -> Option<Job> {
        let (_, job) = self.in_turn.pop_first()?;
        self.turns.remove(&job);
        Some(Arc::unwrap_or_clone(job))
    }
}
