//! Forgets what a tenant's receivers answered, where the tenant has a term of its own for that.
//! The deliveries stay as long as anybody's, so that they can be replayed and recovered.

use super::Retention;
use super::pass::OfTenant;
use crate::base::error::{Reason, Result};
use crate::base::time::Timestamp;
use crate::domain::webhook::{Delivery, DeliveryQuery, DeliverySignal, transition};

impl Retention {
    /// Of so many deliveries at most. Afterwards none is left if `answers_before` is `None`.
    pub(super) async fn forget_answers(
        &self,
        current: &mut OfTenant,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize> {
        let query = DeliveryQuery {
            before: Some(before),
            oldest_first: true,
            after: current.answers_after.take(),
            limit,
            ..DeliveryQuery::default()
        };
        let page = self.context.deliveries();
        let page = page.list(&current.tenant, &query).await?;
        let mut forgotten = 0;
        for delivery in page.deliveries.iter().filter(|it| is_old(it, before)) {
            forgotten += usize::from(self.forget_answer(delivery).await?);
        }
        if page.next.is_none() {
            current.answers_before = None;
        }
        current.answers_after = page.next;
        Ok(forgotten)
    }

    /// False if there is nothing to forget, or somebody changes it: tomorrow's pass comes again.
    async fn forget_answer(&self, delivery: &Delivery) -> Result<bool> {
        let Ok(after) = transition(delivery, DeliverySignal::Erase, self.context.now()) else {
            return Ok(false);
        };
        match self.context.deliveries().update(&after, None).await {
            Err(error) if error.is(Reason::VersionMoved) => Ok(false),
            written => written.map(|()| true),
        }
    }
}

fn is_old(delivery: &Delivery, before: Timestamp) -> bool {
    let last = delivery.attempts.last();
    last.is_some_and(|attempt| attempt.at < before)
}
