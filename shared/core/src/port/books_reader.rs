//! A tenant's books, read part by part.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TaskId;
use crate::domain::metering::day_sums::AccountDays;
use crate::domain::money::{Account, LedgerEntry};
use crate::domain::task::BookedTask;

/// One reading of a tenant's books. An adapter reads them as of one moment where it can, and for as
/// long as that disturbs nobody. Whoever reads them compares the account before with the account
/// after.
#[async_trait]
pub trait BooksReader: Send {
    /// What the account comes to now.
    async fn standing(&mut self) -> Result<BooksStanding>;

    /// The next part; `None` after the last. Each entry of the ledger and each task is in one part.
    /// What a task itself entered is in the task's part, and what operators entered about it in
    /// that or an earlier one. A part is small, however many tasks there are.
    async fn next(&mut self) -> Result<Option<BooksPart>>;
}

/// An account at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksStanding {
    pub account: Account,
    /// The sums of all its days.
    pub days: AccountDays,
    /// Tasks up to this one may have been removed.
    pub removed_to: Option<TaskId>,
}

/// Entries and tasks, in no particular order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BooksPart {
    pub entries: Vec<LedgerEntry>,
    pub tasks: Vec<BookedTask>,
}
