//! Jobs that may be gone although nobody finished them, as after somebody purged a queue by hand.
//! Nobody can tell from the store, so what has not moved is given a new job now and then.

use super::Sweeper;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// The youngest age at which a job may be gone. A watch comes more often than that.
const FIRST_MS: u64 = 15 * 60_000;
/// Each later age is so many times the one before: where jobs cannot be replaced, a job too many
/// runs as long as its task.
const GROWTH: u64 = 4;
/// How often the sweep comes, unless its operator says otherwise, and a minute.
const SWEEP_MS: u64 = 16 * 60_000;
/// How long a store keeps what could be without a job: far longer than a batch lives.
const LAST_MS: u64 = 100 * 24 * 3_600_000;
/// The newest batches of a tenant, which are looked at: far more than may be unfinished at once.
const BATCHES_MAX: usize = 100;

/// True for one sweep, or two, at each of a few ages: after 15 minutes, an hour, four hours.
pub(super) fn is_look_due(age_ms: u64) -> bool {
    let ages = std::iter::successors(Some(FIRST_MS), |age| Some(age * GROWTH));
    let mut ages = ages.take_while(|age| *age <= LAST_MS);
    ages.any(|due| age_ms >= due && age_ms - due < SWEEP_MS)
}

impl Sweeper {
    /// Gives batches that are not over another job; the one that they had, if it is still there,
    /// ends itself.
    pub(super) async fn resume_batches(&self, tenant: &TenantId) -> Result<()> {
        let now = self.context.now();
        if !self.batches_looked_at.note(tenant, now) {
            return Ok(());
        }
        let store = self.context.batches();
        let newest = store.list_batches(tenant, None, BATCHES_MAX).await?;
        let is_old = |made: Timestamp| now.since_ms(made) >= FIRST_MS;
        let unfinished = newest
            .into_iter()
            .filter(|batch| batch.ended_at.is_none() && is_old(batch.created_at));
        for batch in unfinished {
            self.batches.renew_job(batch).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_each_quarter_of_an_hour_looks_a_few_times_in_a_day() {
        let minutes = |n: u64| n * 15 + 7;
        let due: Vec<u64> = (0..4 * 24)
            .map(minutes)
            .filter(|age| is_look_due(age * 60_000))
            .collect();

        assert_eq!(due, [22, 67, 247, 967]);
        assert!(is_look_due(FIRST_MS) && !is_look_due(FIRST_MS - 1));
    }
}
