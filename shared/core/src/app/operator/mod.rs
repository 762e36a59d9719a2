//! The operator's use cases: tenants, their prices and money, and checks of the books. Every change
//! is recorded in the audit log.

mod alerts;
mod books;
mod budget;
mod callbacks;
mod change;
mod delete;
mod destination;
mod encryption;
mod money;
mod onboard;
mod prices;
mod read;
mod reconcile;
mod refund;
mod told;
mod trust;
mod usage;
mod webhook_secret;

pub use books::{BooksFinding, check_books};
pub use change::TenantChange;
pub use delete::Deletion;
pub use destination::{NewDestination, NewStore};
pub use encryption::{EncryptionStatus, RotationState, RotationStep};
pub use onboard::{NewTenant, Onboarded};
pub use prices::{PricesChange, PricesChanged, PricesEdit};
pub use refund::{RefundRequest, Refunded};
pub use usage::TenantUsage;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;

use crate::app::{Alerter, Context, Vault};
use crate::base::bounds::Bounds;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::tenant::{Actor, AuditAction, AuditEntry, redacted};
use crate::port::{AccountCheck, Destinations, Ids as _, Provider, ProviderBooks};

/// The operator's use cases.
pub struct Operator {
    context: Context,
    vault: Vault,
    destinations: Arc<dyn Destinations>,
    provider: Option<Arc<dyn Provider>>,
    provider_books: Option<Arc<dyn ProviderBooks>>,
    entry_order: EntryOrder,
    alerter: Alerter,
}

/// The parts an operator is built from.
pub struct OperatorParts {
    pub context: Context,
    pub vault: Vault,
    pub destinations: Arc<dyn Destinations>,
    /// Knows what models cost; without it, prices are checked by their terms alone.
    pub provider: Option<Arc<dyn Provider>>,
    /// Knows what was billed; without it, reconciling is not possible.
    pub provider_books: Option<Arc<dyn ProviderBooks>>,
}

/// Keeps one process's audit entries in the order of their changes: ids sort by millisecond, so no
/// two entries may share one.
#[derive(Debug, Default)]
struct EntryOrder(AtomicI64);

impl EntryOrder {
    fn moment(&self, now: Timestamp) -> Timestamp {
        let next = |last: i64| now.0.max(last.saturating_add(1));
        let last = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(next(last))
            });
        Timestamp(last.map_or(now.0, next))
    }
}

/// Checks now whether the provider accepts our key; for callers that have only the provider.
pub async fn check_provider_account(books: &dyn ProviderBooks) -> AccountCheck {
    books.check_account().await
}

impl Operator {
    /// The bounds of this process.
    pub fn bounds(&self) -> &Bounds {
        &self.context.bounds
    }

    pub fn new(parts: OperatorParts) -> Self {
        let OperatorParts {
            context,
            vault,
            destinations,
            provider,
            provider_books,
        } = parts;
        Self {
            alerter: Alerter::new(&context),
            context,
            vault,
            destinations,
            provider,
            provider_books,
            entry_order: EntryOrder::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Checks now whether the provider accepts our key. Kind `Unavailable` with code
    /// `provider_unknown` if no provider is configured.
    pub async fn check_provider_account(&self) -> Result<AccountCheck> {
        Ok(check_provider_account(self.provider_books()?).await)
    }

    /// The number of models in the provider's catalogue, and the milliseconds since it was read;
    /// `None` if it cannot be read.
    pub async fn catalogue_age(&self) -> Option<(usize, u64)> {
        let provider = self.provider.as_deref()?;
        let catalogue = provider.catalogue().await.ok()?;
        let read_at = provider.catalogue_read_at()?;
        Some((catalogue.raw().len(), self.now().since_ms(read_at)))
    }

    fn provider_books(&self) -> Result<&dyn ProviderBooks> {
        self.provider_books.as_deref().ok_or_else(|| {
            Error::unavailable(
                "provider_unknown",
                "this process has no provider key, which this operation needs",
            )
        })
    }

    fn entry(
        &self,
        actor: &Actor,
        action: AuditAction,
        tenant: &TenantId,
        detail: Value,
    ) -> AuditEntry {
        AuditEntry {
            tenant: Some(tenant.clone()),
            ..self.installation_entry(actor, action, detail)
        }
    }

    /// About no tenant.
    fn installation_entry(&self, actor: &Actor, action: AuditAction, detail: Value) -> AuditEntry {
        let at = self.now();
        let id = self.context.entropy.audit_id(self.entry_order.moment(at));
        AuditEntry {
            id,
            at,
            actor: actor.clone(),
            action,
            tenant: None,
            detail: redacted(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_entries_of_one_millisecond_keep_their_order() {
        let order = EntryOrder::default();

        let moments = [5, 5, 5, 3, 9].map(|now| order.moment(Timestamp(now)).0);

        assert_eq!(moments, [5, 6, 7, 8, 9]);
    }
}
