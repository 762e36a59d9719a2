//! Resends deliveries whose jobs were lost.

use super::Watcher;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::task::Task;
use crate::domain::webhook::{Delivery, DeliveryState};

/// A delivery without an attempt for this long has lost its job.
const UNTRIED_MAX_MS: u64 = 60_000;
/// So has one that was to be tried again this long ago, unless its endpoint lets it wait.
const RETRY_LATE_MS: u64 = 5 * 60_000;

impl Watcher {
    /// Resends the jobs of deliveries that should have been attempted a while ago: where jobs are
    /// sent after the change that creates them, a crash in between loses them, and a queue may be
    /// purged by hand. Returns when to look again, if any is still to be sent: each time as late
    /// again, because one that waits for its endpoint has its job.
    pub(super) async fn resend_lost_deliveries(
        &self,
        task: &Task,
        known: Option<&[Delivery]>,
    ) -> Result<Option<u64>> {
        let deliveries = match known {
            Some(known) => known.to_vec(),
            None => self.context.deliveries().of_task(task).await?,
        };
        let now = self.context.now();
        let to_be_sent =
            |delivery: &&Delivery| delivery.state == DeliveryState::Pending && !delivery.pull;
        let (mut lost, mut look_after_ms) = (Vec::new(), None::<u64>);
        for delivery in deliveries.iter().filter(to_be_sent) {
            let next_ms = match late_ms(delivery, now) {
                Ok(late_ms) => {
                    lost.push(delivery.job(now).job);
                    late_ms
                }
                Err(early_ms) => early_ms,
            };
            look_after_ms = Some(look_after_ms.map_or(next_ms, |known| known.min(next_ms)));
        }
        self.jobs.send_at_once(lost.into_iter()).await?;
        Ok(look_after_ms)
    }
}

/// For how long it should have been attempted, if its job is lost; else how long until that can be
/// told.
fn late_ms(delivery: &Delivery, now: Timestamp) -> Result<u64, u64> {
    let (due, max_ms) = match delivery.next_at {
        Some(next_at) => (next_at, RETRY_LATE_MS),
        None => (delivery.created_at, UNTRIED_MAX_MS),
    };
    let lost_at = due.plus_ms(max_ms);
    if now < lost_at {
        return Err(lost_at.since_ms(now).max(1));
    }
    Ok(now.since_ms(due))
}
