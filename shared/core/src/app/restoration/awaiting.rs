//! Whether a restored store waits for its operator, and why.

use crate::app::Context;
use crate::base::error::{Reason, Result};

/// Why nothing is sent for what the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaiting {
    /// It was restored, and nobody has seen to it.
    Restoration,
    /// It was restored to be looked at alone.
    EndOfDrill,
}

impl Awaiting {
    pub(crate) async fn of(context: &Context) -> Result<Option<Self>> {
        match context.check_restored().await {
            Ok(()) => Ok(None),
            Err(error) if error.is(Reason::RestorationNeeded) => Ok(Some(Self::Restoration)),
            Err(error) if error.is(Reason::Drill) => Ok(Some(Self::EndOfDrill)),
            Err(error) => Err(error),
        }
    }
}
