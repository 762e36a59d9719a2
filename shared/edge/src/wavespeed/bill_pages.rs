//! Where the pages of bills ended that this process has answered. A client that asks for numbered
//! pages in order gets each by its key, at the same cost. What is not known here is counted from
//! the first page.

use fluxgate_core::id::{TaskId, TenantId};
use quick_cache::sync::Cache;

/// Page ends that are remembered.
const PAGES_MAX: usize = 10_000;

/// Of which bill, and which page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BillPlace {
    pub(super) tenant: TenantId,
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    pub(super) model: Option<String>,
    pub(super) oldest_first: bool,
    pub(super) size: usize,
    pub(super) page: usize,
}

/// The ends of pages, in this process.
pub struct BillPages(Cache<BillPlace, TaskId>);

impl Default for BillPages {
    fn default() -> Self {
        Self(Cache::new(PAGES_MAX))
    }
}

impl BillPages {
    /// Where this page begins, if the one before it was answered.
    pub(super) fn start(&self, place: &BillPlace) -> Option<TaskId> {
        let before = BillPlace {
            page: place.page.checked_sub(1)?,
            ..place.clone()
        };
        self.0.get(&before)
    }

    pub(super) fn ends(&self, place: BillPlace, end: TaskId) {
        self.0.insert(place, end);
    }
}
