//! A bounded part of a walk over all tenants, and over those deleted lately: their endpoints are
//! kept, and callbacks of their last tasks may be under way.

use std::collections::VecDeque;

use super::cursor::Position;
use crate::app::Context;
use crate::app::everybody::everybody;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// How many tenants one part has, and after what time it begins no other. A tenant has a bounded
/// number of endpoints.
const TENANTS_MAX: usize = 50;
const TIME_MAX_MS: u64 = 10_000;

pub(super) struct Walk {
    tenants: VecDeque<TenantId>,
    started: Timestamp,
    position: Position,
    is_cut: bool,
}

impl Walk {
    pub(super) async fn from(context: &Context, position: Position) -> Result<Self> {
        let started = context.now();
        let since = context.bounds.earliest_made(started);
        let mut all = everybody(context.tenants(), since).await?;
        // The operator's own endpoints have secrets too.
        all.insert(TenantId::operator());
        let is_left = |tenant: &TenantId| position.0.as_ref().is_none_or(|after| tenant > after);
        let mut left = all.into_iter().filter(is_left);
        let tenants: VecDeque<TenantId> = left.by_ref().take(TENANTS_MAX).collect();
        let is_cut = left.next().is_some();
        drop(left);
        Ok(Self {
            tenants,
            started,
            position,
            is_cut,
        })
    }

    pub(super) fn next_tenant(&mut self, now: Timestamp) -> Option<TenantId> {
        if now.since_ms(self.started) >= TIME_MAX_MS {
            return None;
        }
        let tenant = self.tenants.pop_front()?;
        self.position = Position(Some(tenant.clone()));
        Some(tenant)
    }

    /// Where the next part begins; `None` when every tenant was walked over.
    pub(super) fn rest(self) -> Option<Position> {
        (self.is_cut || !self.tenants.is_empty()).then_some(self.position)
    }
}
