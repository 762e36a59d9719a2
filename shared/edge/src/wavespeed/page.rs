//! Pagination and times as in the provider's list requests.

use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

/// The highest page number served.
const PAGE_MAX: usize = 1000;
const PAGE_SIZE_MAX: usize = 100;

/// Fails with kind `Invalid`, naming the parameter.
pub(super) fn check(page: usize, page_size: usize) -> Result<()> {
    if !(1..=PAGE_MAX).contains(&page) {
        return Err(bad("page", format!("'page' must be 1 to {PAGE_MAX}")));
    }
    if !(1..=PAGE_SIZE_MAX).contains(&page_size) {
        return Err(bad(
            "page_size",
            format!("'page_size' must be 1 to {PAGE_SIZE_MAX}"),
        ));
    }
    Ok(())
}

/// Parses RFC 3339. Fails with kind `Invalid`, naming the parameter.
pub(super) fn moment(field: &str, text: &str) -> Result<Timestamp> {
    let text_is_bad = || {
        bad(
            field,
            format!("'{field}' must be RFC 3339, such as 2026-08-25T00:49:21Z"),
        )
    };
    Timestamp::from_rfc3339(text).ok_or_else(text_is_bad)
}

pub(super) fn bad(field: &str, text: String) -> Error {
    Error::invalid("invalid_parameter", text).field(field)
}

/// The default page.
pub(super) fn one() -> usize {
    1
}

/// The default page size.
pub(super) fn twenty() -> usize {
    20
}
