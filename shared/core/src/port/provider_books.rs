//! The provider's records of our account.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::base::error::Result;
use crate::base::id::RunId;
use crate::domain::metering::reconcile::{Bill, ListedRun};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;

/// The provider's answer to our key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "account", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountCheck {
    /// The key is accepted; with the balance, if the provider reported one.
    Good {
        #[serde(rename = "balance_micro_usd")]
        balance: Option<MicroUsd>,
    },
    /// The key is refused: 401, 402 or 403.
    Refused { status: u16 },
    /// No connection. `why` completes a sentence whose subject is the provider.
    Unreachable { why: String },
    /// The key is missing, or cannot be sent in a header.
    NoKey { why: String },
    /// The answer is not from the provider's API, or is malformed.
    Odd { why: String },
}

/// The provider's billing and list of runs, to be compared with our records.
#[async_trait]
pub trait ProviderBooks: Send + Sync {
    /// Checks now whether the provider accepts our key.
    async fn check_account(&self) -> AccountCheck;

    /// What was deducted in the window, each bill once. Kind `Invalid` with code `window_too_full`
    /// if there are more bills than can be read at once.
    async fn bills(&self, window: &Window) -> Result<Vec<Bill>>;

    /// What was deducted for these runs, at any time.
    async fn bills_of(&self, runs: &[RunId]) -> Result<Vec<Bill>>;

    /// The runs of all models created in the window, as far back as the provider keeps them. Kind
    /// `Invalid` as in `bills`.
    async fn runs(&self, window: &Window) -> Result<Vec<ListedRun>>;
}
