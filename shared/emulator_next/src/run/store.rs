//! The runs, in memory, bounded. Ids grow with time, so that their order is the order of creation.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Run;

const RUNS_MAX: usize = 200_000;
/// How many runs are copied out at once, so that a long list never holds up a submit.
const PAGE_MAX: usize = 500;

#[derive(Default)]
pub(crate) struct RunStore(Mutex<Runs>);

#[derive(Default)]
struct Runs {
    by_id: BTreeMap<String, Arc<Run>>,
    /// Ended runs, the first to be forgotten in front.
    ended: VecDeque<String>,
}

/// Every run in memory is still under way.
#[derive(Debug)]
pub(crate) struct Full;

impl RunStore {
    pub(crate) fn insert(&self, run: Arc<Run>) -> Result<(), Full> {
        let mut runs = self.lock();
        if runs.by_id.len() >= RUNS_MAX {
            let oldest = runs.ended.pop_front().ok_or(Full)?;
            runs.by_id.remove(&oldest);
        }
        runs.by_id.insert(run.id.clone(), run);
        Ok(())
    }

    /// Allows the run to be forgotten. To be called once a run, after its end.
    pub(crate) fn note_ended(&self, id: &str) {
        self.lock().ended.push_back(id.to_owned());
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Run>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = Arc<Run>> {
        let mut before: Option<String> = None;
        std::iter::from_fn(move || {
            let page = self.page(before.as_deref());
            before = Some(page.last()?.id.clone());
            Some(page)
        })
        .flatten()
    }

    fn page(&self, before: Option<&str>) -> Vec<Arc<Run>> {
        let upper = before.map_or(Bound::Unbounded, Bound::Excluded);
        let runs = self.lock();
        runs.by_id.range::<str, _>((Bound::Unbounded, upper)).rev().take(PAGE_MAX).map(|(_, run)| run.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
