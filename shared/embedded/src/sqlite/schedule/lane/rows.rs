//! What a lane has read from the table, and when.

use fluxgate_core::id::TenantId;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;

use super::super::Entry;
use super::super::stored::Position;
use super::Lane;

/// With fewer in memory a tenant's rows are read on.
const TENANT_DUE_LOW: usize = 64;
/// Tenants whose rows are read at once.
const READ_TENANTS_MAX: usize = 16;

/// Jobs to be hastened that are looked for in the table at once.
const ASKED_MAX: usize = 1_024;

/// What to read from the table.
#[derive(Debug, Default, Clone)]
pub(in crate::sqlite) struct Wanted {
    /// Of these tenants, from here on.
    pub(in crate::sqlite::schedule) tenants: Vec<(TenantId, Position)>,
    /// These jobs, if they are as they were: they are due now.
    pub(in crate::sqlite::schedule) asked: Vec<(String, Job)>,
}

impl Wanted {
    /// Whose rows are to be read.
    pub(in crate::sqlite) fn whose(&self) -> Vec<TenantId> {
        let tenants = self.tenants.iter();
        tenants.map(|(tenant, _)| tenant.clone()).collect()
    }

    pub(in crate::sqlite::schedule) fn is_nothing(&self) -> bool {
        self.tenants.is_empty() && self.asked.is_empty()
    }
}

/// What was read of one tenant.
#[derive(Debug)]
pub(in crate::sqlite) struct Page {
    pub(in crate::sqlite::schedule) tenant: TenantId,
    pub(in crate::sqlite::schedule) from: Position,
    pub(in crate::sqlite::schedule) jobs: Vec<(String, Entry)>,
    /// Where the rows go on that were not read.
    pub(in crate::sqlite::schedule) next: Option<Position>,
}

impl Lane {
    /// There are rows of the tenant from here on.
    pub(in crate::sqlite::schedule) fn add_stored(
        &mut self,
        tenant: &TenantId,
        position: Position,
    ) {
        self.stored.add(tenant, position);
    }

    /// What to read from the table now. Those tenants are asked for again when their rows were
    /// read, or [`Self::unread`].
    pub(in crate::sqlite::schedule) fn wanted(&mut self, now: Timestamp) -> Wanted {
        let asked = std::mem::take(&mut self.asked);
        let mut tenants = Vec::new();
        while tenants.len() < READ_TENANTS_MAX
            && let Some((tenant, from)) = self.stored.unlist_first(now)
        {
            // Others are listed again when they have less in memory.
            if self.may_have(&tenant, TENANT_DUE_LOW) {
                tenants.push((tenant, from));
            }
        }
        Wanted { tenants, asked }
    }

    /// The tenant's rows were not read.
    pub(in crate::sqlite::schedule) fn unread(&mut self, tenant: &TenantId) {
        self.stored.list(tenant);
    }

    /// Adds what was read and is not in memory.
    pub(in crate::sqlite::schedule) fn add_page(&mut self, page: Page, now: Timestamp) {
        for (key, entry) in page.jobs {
            if !self.slots.contains_key(key.as_str()) {
                self.insert(key, entry, now);
            }
        }
        self.stored.advance(&page.tenant, &page.from, page.next);
        self.stored.list(&page.tenant);
    }

    /// Adds a job that was asked for, due now.
    pub(in crate::sqlite::schedule) fn add_hastened(
        &mut self,
        key: String,
        entry: Entry,
        now: Timestamp,
    ) {
        if self.slots.contains_key(key.as_str()) {
            self.hasten(&key, &entry.job, now);
        } else {
            let due = entry.due.min(now);
            self.insert(key, Entry { due, ..entry }, now);
        }
    }

    /// Has the tenant's rows read on if it has little left in memory.
    pub(super) fn read_on_of(&mut self, tenant: &TenantId) {
        if self.stored.knows(tenant) && self.may_have(tenant, TENANT_DUE_LOW) {
            self.stored.list(tenant);
        }
    }

    /// A job that may be in the table alone.
    pub(super) fn ask_for(&mut self, key: &str, job: &Job) -> bool {
        let may_be = self.stored.knows(job.tenant()) && self.asked.len() < ASKED_MAX;
        if may_be {
            self.asked.push((key.to_owned(), job.clone()));
        }
        may_be
    }
}
