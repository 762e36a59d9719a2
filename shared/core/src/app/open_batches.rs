//! The batches of a tenant that are not over.

use super::Context;
use crate::base::error::Result;
use crate::base::id::{BatchId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::batch::Batch;

/// Batches read at once.
const PAGE_BATCHES: usize = 100;

/// The tenant's batches that may still admit lines.
pub(in crate::app) async fn admitting(context: &Context, tenant: &TenantId) -> Result<Vec<Batch>> {
    let (mut found, mut before): (_, Option<BatchId>) = (Vec::new(), None);
    loop {
        let store = context.batches();
        let page = store.list_batches(tenant, before.as_ref(), PAGE_BATCHES);
        let (page, now) = (page.await?, context.now());
        before = page.last().map(|last| last.id.clone());
        let is_last = page.len() < PAGE_BATCHES;
        found.extend(page.into_iter().filter(|batch| admits(batch, now)));
        if is_last {
            return Ok(found);
        }
    }
}

fn admits(batch: &Batch, now: Timestamp) -> bool {
    batch.cancelled_at.is_none() && batch.ended_at.is_none() && batch.kept_until > now
}
