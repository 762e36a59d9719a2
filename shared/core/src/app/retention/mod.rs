//! Removes what has been kept long enough, step by step: whoever calls leaves others their turn in
//! between. The ledger, the daily sums and the audit log stay; so do outputs, which are the
//! tenants'.

mod answers;
mod pass;
mod removal;
mod removed;

pub use pass::{RemovalPass, Removals};

use std::sync::Arc;

use super::Context;
use crate::base::day::Day;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::money::Month;
use crate::port::{BegunExport, UsageCursors};

/// Removed by one step: others wait no longer for it than for a page of theirs.
const STEP: usize = 200;
/// How long it is kept what API keys used in a month.
const KEY_USE_KEPT_MS: u64 = 400 * 86_400_000;

/// Removes what is old.
pub struct Retention {
    context: Context,
    cursors: Arc<dyn UsageCursors>,
    exports: Exports,
}

/// The exports of usage that have to tell a task before it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exports {
    /// Every one that was begun and not forgotten.
    Begun,
    /// The one to this place, whether or not it was begun.
    To(String),
    /// No export is made.
    Unmade,
}

/// What expires by a bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiring {
    /// Deliveries, and events that are about no task.
    Deliveries,
    /// Inputs of tasks that did not complete, once they can no longer be retried.
    Inputs,
    /// Batches, and lines of batches.
    Batches,
    IdempotencyKeys,
    KeyUse,
    DeadLetters,
}

impl Expiring {
    pub const ALL: [Self; 6] = [
        Self::Deliveries,
        Self::Inputs,
        Self::Batches,
        Self::IdempotencyKeys,
        Self::KeyUse,
        Self::DeadLetters,
    ];

    /// For log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliveries => "old deliveries",
            Self::Inputs => "inputs of failed tasks",
            Self::Batches => "old batches",
            Self::IdempotencyKeys => "expired idempotency keys",
            Self::KeyUse => "what API keys used in old months",
            Self::DeadLetters => "old dead letters",
        }
    }
}

impl Retention {
    pub fn new(context: Context, cursors: Arc<dyn UsageCursors>, exports: Exports) -> Self {
        Self {
            context,
            cursors,
            exports,
        }
    }

    async fn exports_of(&self, tenant: &TenantId) -> Result<Vec<BegunExport>> {
        match &self.exports {
            Exports::Begun => self.cursors.cursors(tenant).await,
            Exports::To(place) => Ok(vec![BegunExport {
                place: place.clone(),
                cursor: self.cursors.cursor(place, tenant).await?,
            }]),
            Exports::Unmade => Ok(Vec::new()),
        }
    }

    /// Removes some of what has been kept as long as the bounds say. Returns how many there were;
    /// after none nothing is left.
    pub async fn expire(&self, what: Expiring) -> Result<usize> {
        let (context, now) = (&self.context, self.context.now());
        let (bounds, retention) = (&context.bounds, context.retention());
        match what {
            Expiring::Deliveries => {
                let before = now.minus_ms(bounds.relay.deliveries_kept_ms);
                context.deliveries().expire(before, STEP).await
            }
            Expiring::Inputs => context.tasks().expire_inputs(now, STEP).await,
            Expiring::Batches => context.batches().expire_batches(now, STEP).await,
            Expiring::IdempotencyKeys => retention.expire_idempotency_keys(now, STEP).await,
            Expiring::KeyUse => {
                let before = Month::of_day(Day::of(now.minus_ms(KEY_USE_KEPT_MS)));
                retention.expire_key_use(before, STEP).await
            }
            Expiring::DeadLetters => {
                let before = bounds.tasks_removed_before(now);
                retention.expire_dead_letters(before, STEP).await
            }
        }
    }
}
