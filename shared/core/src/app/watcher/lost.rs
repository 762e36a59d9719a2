//! Resends deliveries whose jobs were lost.

use super::Watcher;
use crate::base::error::Result;
use crate::domain::task::Task;
use crate::domain::webhook::{Delivery, DeliveryState};

/// A delivery without an attempt for this long has lost its job.
const UNTRIED_MAX_MS: u64 = 60_000;

impl Watcher {
    /// Resends the jobs of deliveries that have not been attempted for a while: where jobs are sent
    /// after the change that creates them, a crash in between loses them. Returns when to look
    /// again if some are too young to tell.
    pub(super) async fn resend_lost_deliveries(
        &self,
        task: &Task,
        known: Option<&[Delivery]>,
    ) -> Result<Option<u64>> {
        let deliveries = match known {
            Some(known) => known.to_vec(),
            None => self.context.deliveries().of_task(task).await?,
        };
        let untried = |delivery: &&Delivery| {
            delivery.state == DeliveryState::Pending
                && delivery.attempts.is_empty()
                && !delivery.pull
        };
        let (lost, young): (Vec<&Delivery>, Vec<&Delivery>) =
            deliveries.iter().filter(untried).partition(|delivery| {
                self.context.now().since_ms(delivery.created_at) >= UNTRIED_MAX_MS
            });
        let now = self.context.now();
        self.jobs
            .send_at_once(lost.into_iter().map(|delivery| delivery.job(now).job))
            .await?;
        Ok((!young.is_empty()).then_some(UNTRIED_MAX_MS))
    }
}
