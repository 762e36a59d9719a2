//! What the vendor wrote down about our account.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::UpstreamId;
use crate::reconcile::{Bill, ListedRun};
use crate::usage::Window;

/// The vendor's billing and its list of runs, for an operator who compares them with ours.
#[async_trait]
pub trait VendorBooks: Send + Sync {
    /// What was deducted in the window, each bill once. Kind `Invalid` with code `window_too_full` when there are more than can
    /// be read at once.
    async fn bills(&self, window: &Window) -> Result<Vec<Bill>>;

    /// What was deducted for these runs, whenever that was.
    async fn bills_of(&self, runs: &[UpstreamId]) -> Result<Vec<Bill>>;

    /// The runs made in the window, of any model, as long as the vendor keeps them. Kind `Invalid` as in `bills`.
    async fn runs(&self, window: &Window) -> Result<Vec<ListedRun>>;
}
