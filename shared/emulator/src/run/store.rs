//! The runs, in memory, bounded. Ids increase with time, so their order is the order of creation.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Run;

/// How many runs are copied at once, so that a long list never delays a submit.
const PAGE_MAX: usize = 500;

pub(crate) struct RunStore {
    runs_max: usize,
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct Runs {
    by_id: BTreeMap<String, Arc<Run>>,
    /// Ended runs, in the order in which they are evicted.
    ended: VecDeque<String>,
}

/// All runs in memory are still in progress.
#[derive(Debug)]
pub(crate) struct Full;

impl RunStore {
    pub(crate) fn new(runs_max: usize) -> Self {
        Self {
            runs_max,
            runs: Mutex::default(),
        }
    }

    pub(crate) fn insert(&self, run: Arc<Run>) -> Result<(), Full> {
        let mut runs = self.lock();
        if runs.by_id.len() >= self.runs_max {
            let oldest = runs.ended.pop_front().ok_or(Full)?;
            runs.by_id.remove(&oldest);
        }
        runs.by_id.insert(run.id.clone(), run);
        Ok(())
    }

    /// Allows the run to be evicted. Must be called once per run, after its end.
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
        runs.by_id
            .range::<str, _>((Bound::Unbounded, upper))
            .rev()
            .take(PAGE_MAX)
            .map(|(_, run)| run.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn run() -> Arc<Run> {
        let model = catalogue::model("wavespeed-ai/flux-kontext-max").unwrap();
        Arc::new(Run::new(model, serde_json::Map::new(), None))
    }

    #[test]
    fn the_run_that_ended_first_makes_room_and_one_under_way_never_does() {
        let store = RunStore::new(2);
        let (first, second, third) = (run(), run(), run());

        store.insert(first.clone()).unwrap();
        store.insert(second.clone()).unwrap();
        let while_both_run = store.insert(third.clone());
        store.note_ended(&second.id);
        store.insert(third.clone()).unwrap();

        assert!(while_both_run.is_err());
        let known: Vec<String> = store.newest_first().map(|run| run.id.clone()).collect();
        assert_eq!(known, [third.id.clone(), first.id.clone()]);
    }

    #[test]
    fn a_list_longer_than_one_page_is_whole_and_newest_first() {
        let store = RunStore::new(10_000);
        let runs: Vec<Arc<Run>> = (0..PAGE_MAX * 2 + 1).map(|_| run()).collect();
        runs.iter()
            .for_each(|run| store.insert(run.clone()).unwrap());

        let listed: Vec<String> = store.newest_first().map(|run| run.id.clone()).collect();

        assert!(listed.iter().eq(runs.iter().rev().map(|run| &run.id)));
    }
}
