//! Whether a tenant's account, its ledger and its tasks tell the same story. Changes nothing.

mod findings;
#[cfg(test)]
mod findings_tests;

pub use findings::BooksFinding;
use findings::TenantBooks;

use super::Operator;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;
use crate::port::{AccountStore, TaskStore};

/// How often the books are read while they keep moving.
const READINGS_MAX: usize = 8;

impl Operator {
    /// See [`check_books`].
    pub async fn check_books(&self, tenant: &TenantId) -> Result<Vec<BooksFinding>> {
        check_books(self.context.accounts(), self.context.tasks(), tenant).await
    }
}

/// Checks one tenant's books, also those of a tenant that was deleted. No finding means that they
/// are right.
///
/// Kind `Conflict` with code `books_moving` when the account moved during each reading.
pub async fn check_books(
    accounts: &dyn AccountStore,
    tasks: &dyn TaskStore,
    tenant: &TenantId,
) -> Result<Vec<BooksFinding>> {
    let mut before: Option<Vec<BooksFinding>> = None;
    for _ in 0..READINGS_MAX {
        let Some(books) = settled_books(accounts, tasks, tenant).await? else {
            continue;
        };
        let findings = books.findings();
        // A task that began and ended within the reading looks wrong once, never twice in the same
        // way.
        if findings.is_empty() || before.as_ref() == Some(&findings) {
            return Ok(findings);
        }
        before = Some(findings);
    }
    let text = format!(
        "the account of '{tenant}' moved all the time; check again when fewer of its tasks run"
    );
    Err(Error::new(Kind::Conflict, "books_moving", text))
}

/// `None` when the account moved while the rest was read.
async fn settled_books(
    accounts: &dyn AccountStore,
    store: &dyn TaskStore,
    tenant: &TenantId,
) -> Result<Option<TenantBooks>> {
    let account = accounts.account(tenant).await?;
    let ledger = accounts.ledger(tenant).await?;
    let (mut tasks, mut pages) = (Vec::new(), TaskPages::newest_first(store, tenant, None));
    while let Some(page) = pages.next().await? {
        tasks.extend(page);
    }
    let settled = accounts.account(tenant).await? == account;
    Ok(settled.then_some(TenantBooks {
        account,
        ledger,
        tasks,
    }))
}
