//! What the provider wrote down about our account.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::base::error::Result;
use crate::base::id::RunId;
use crate::domain::metering::reconcile::{Bill, ListedRun};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;

/// What the provider says to our key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "account", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountCheck {
    /// It takes it; the balance where it told one.
    Good {
        #[serde(rename = "balance_micro_usd")]
        balance: Option<MicroUsd>,
    },
    /// It refuses it: 401, 402 or 403.
    Refused { status: u16 },
    /// Nobody was reached. Why, as the end of a sentence whose subject is the provider.
    Unreachable { why: String },
    /// The key itself cannot be had, or stand in a header.
    NoKey { why: String },
    /// What answers there is not the provider's API, or not well.
    Odd { why: String },
}

/// The provider's billing and its list of runs, for an operator who compares them with ours.
#[async_trait]
pub trait ProviderBooks: Send + Sync {
    /// Whether the provider takes our key, asked now.
    async fn check_account(&self) -> AccountCheck;

    /// What was deducted in the window, each bill once. Kind `Invalid` with code `window_too_full`
    /// when there are more than can be read at once.
    async fn bills(&self, window: &Window) -> Result<Vec<Bill>>;

    /// What was deducted for these runs, whenever that was.
    async fn bills_of(&self, runs: &[RunId]) -> Result<Vec<Bill>>;

    /// The runs made in the window, of any model, as long as the provider keeps them. Kind
    /// `Invalid` as in `bills`.
    async fn runs(&self, window: &Window) -> Result<Vec<ListedRun>>;
}
