//! Who a verified token speaks for.

use crate::id::TenantId;

/// The bearer of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub tenant: TenantId,
    /// The token's `sub`, for logs.
    pub subject: Option<String>,
}
