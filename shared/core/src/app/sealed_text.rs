//! What a task was asked for and where it is told, and the lines of a batch, sealed with the
//! tenant's key of the month that they were made in.

use std::collections::BTreeSet;

use super::Context;
use super::open_batches::admitting;
use super::open_tasks::OpenTasks;
use crate::base::day::Day;
use crate::base::error::{Error, Result};
use crate::base::id::{BatchId, TaskId, TenantId};
use crate::base::seal::{DataKey, NONCE_BYTES, Owner, StoredText};
use crate::base::time::Timestamp;
use crate::domain::money::Month;

/// How often keys are read again that others change at the same moment.
const TRIES: usize = 8;

/// What a sealed text is: it opens as nothing else.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) enum SealedPart<'a> {
    Inputs(&'a TaskId),
    Callback(&'a TaskId),
    /// Of the chunk that ends with this line.
    Lines(&'a BatchId, u32),
}

impl SealedPart<'_> {
    fn id(self) -> String {
        match self {
            Self::Inputs(task) => format!("task/{task}/inputs"),
            Self::Callback(task) => format!("task/{task}/callback"),
            Self::Lines(batch, last) => format!("batch/{batch}/{last}"),
        }
    }

    fn month(self) -> Month {
        month_of(match self {
            Self::Inputs(task) | Self::Callback(task) => task.made_at(),
            Self::Lines(batch, _) => batch.made_at(),
        })
    }
}

/// Keys are the months' of UTC, whatever an account's time zone is.
fn month_of(moment: Timestamp) -> Month {
    Month::of_day(Day::of(moment))
}

impl Context {
    /// Seals it with the month's key, which is made if there is none.
    pub(in crate::app) async fn seal_text(
        &self,
        tenant: &TenantId,
        part: SealedPart<'_>,
        text: &str,
    ) -> Result<StoredText> {
        let (store, month, id) = (self.data_keys(), part.month(), part.id());
        let owner = owner(tenant, &id);
        let mut keys = store.input_keys(tenant, month).await?;
        for _ in 0..TRIES {
            let mut nonce = [0; NONCE_BYTES];
            self.entropy.fill(&mut nonce);
            if let Some(sealed) = keys.seal(owner, nonce, text) {
                return Ok(sealed);
            }
            let key = self.fresh_key(self.now());
            keys = store.add_input_key(tenant, month, &keys, key).await?;
        }
        Err(busy())
    }

    /// `None` once the key is gone that it was sealed with. Kind `Internal` with code
    /// `secret_unreadable` for what was altered.
    pub(in crate::app) async fn open_text(
        &self,
        tenant: &TenantId,
        part: SealedPart<'_>,
        stored: &StoredText,
    ) -> Result<Option<String>> {
        if let Some(text) = stored.plain() {
            return Ok(Some(text.to_owned()));
        }
        let (store, month, id) = (self.data_keys(), part.month(), part.id());
        let mut keys = store.input_keys(tenant, month).await?;
        if !keys.knows(stored) {
            keys = store.input_keys_now(tenant, month).await?;
        }
        keys.open(owner(tenant, &id), stored)
    }

    /// What the tenant makes from now on is sealed with another key. Returns when that was made:
    /// every key from before was made earlier, whatever the clock of who made it.
    pub(in crate::app) async fn renew_input_key(&self, tenant: &TenantId) -> Result<Timestamp> {
        let (store, now) = (self.data_keys(), self.now());
        let month = month_of(now);
        let mut keys = store.input_keys_now(tenant, month).await?;
        for _ in 0..TRIES {
            let last = keys.newest_made_at();
            let made_at = last.map_or(now, |last| now.max(last.plus_ms(1)));
            let added = store.add_input_key(tenant, month, &keys, self.fresh_key(made_at));
            let (known, after) = (keys.len(), added.await?);
            if after.len() == known + 1 && after.newest_made_at() == Some(made_at) {
                return Ok(made_at);
            }
            keys = after;
        }
        Err(busy())
    }

    /// Removes the keys that were made before this moment, but for those of months with open tasks
    /// from before.
    pub(in crate::app) async fn remove_input_keys(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        until: Timestamp,
    ) -> Result<()> {
        let store = self.data_keys();
        let settled = before.plus_ms(store.input_keys_settle_ms());
        let open = OpenTasks::read(self, tenant, until).await?;
        let old = open.tasks.iter().filter(|task| task.created_at < settled);
        let used: BTreeSet<Month> = old.map(|task| month_of(task.id.made_at())).collect();
        for month in store.input_key_months(tenant).await? {
            if !used.contains(&month) {
                store.remove_input_keys(tenant, month, before).await?;
            }
        }
        Ok(())
    }

    /// Removes the keys of months that ended before this moment, but for those that open tasks or
    /// waiting lines need. Returns of how many months.
    pub(in crate::app) async fn expire_input_keys(
        &self,
        tenant: &TenantId,
        before: Timestamp,
    ) -> Result<usize> {
        let store = self.data_keys();
        let mut old = store.input_key_months(tenant).await?;
        old.retain(|month| month.next().first_day().first() <= before);
        if old.is_empty() {
            return Ok(0);
        }
        let open = OpenTasks::read(self, tenant, Timestamp(i64::MAX)).await?;
        let batches = admitting(self, tenant).await?;
        let tasks = open.tasks.iter().map(|task| task.id.made_at());
        let lines = batches.iter().map(|batch| batch.id.made_at());
        let used: BTreeSet<Month> = tasks.chain(lines).map(month_of).collect();
        old.retain(|month| !used.contains(month));
        for month in &old {
            let end = Timestamp(i64::MAX);
            store.remove_input_keys(tenant, *month, end).await?;
        }
        Ok(old.len())
    }

    fn fresh_key(&self, made_at: Timestamp) -> DataKey {
        let mut random = [0; DataKey::RANDOM_BYTES];
        self.entropy.fill(&mut random);
        DataKey::new(random, made_at)
    }
}

fn owner<'a>(tenant: &'a TenantId, id: &'a str) -> Owner<'a> {
    Owner {
        tenant: tenant.as_str(),
        id,
    }
}

fn busy() -> Error {
    let text = "others change the keys of this tenant's inputs at the same moment; try again";
    Error::unavailable("input_keys_busy", text)
}
