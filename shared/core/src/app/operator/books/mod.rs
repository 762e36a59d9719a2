//! Whether a tenant's account, its daily sums, its ledger and its tasks tell the same story.
//! Changes nothing. The books are read part by part: memory does not grow with the tenant's
//! history.

mod check;
mod removed;
mod sums;
#[cfg(test)]
mod tests;

use check::BooksCheck;
pub use check::BooksFinding;

use super::Operator;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;
use crate::port::AccountStore;

/// How often the books are read while they keep moving.
const READINGS_MAX: usize = 8;

impl Operator {
    /// See [`check_books`].
    pub async fn check_books(&self, tenant: &TenantId) -> Result<Vec<BooksFinding>> {
        check_books(self.context.accounts(), tenant).await
    }
}

/// Checks one tenant's books, also those of a tenant that was deleted. No finding means that they
/// are right. What the ledger says of tasks that were removed is taken as it is.
///
/// Kind `Conflict` with code `books_moving` when the account moved during each reading. A store
/// that reads the books as of one moment shows no movement.
pub async fn check_books(
    accounts: &dyn AccountStore,
    tenant: &TenantId,
) -> Result<Vec<BooksFinding>> {
    let mut before: Option<Vec<BooksFinding>> = None;
    for _ in 0..READINGS_MAX {
        let Some(findings) = settled_findings(accounts, tenant).await? else {
            continue;
        };
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
async fn settled_findings(
    accounts: &dyn AccountStore,
    tenant: &TenantId,
) -> Result<Option<Vec<BooksFinding>>> {
    let mut books = accounts.books(tenant).await?;
    let before = books.standing().await?;
    let account = before.account.clone();
    let mut check = BooksCheck::of(before);
    while let Some(part) = books.next().await? {
        check.add(&part);
    }
    let after = books.standing().await?.account;
    Ok((after == account).then(|| check.findings()))
}
