//! Pagination and times as in the provider's list requests.

use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

const PAGE_SIZE: usize = 20;
const PAGE_SIZE_MAX: usize = 100;

/// Which part of a list is asked for.
pub(super) struct Paging {
    /// From 1.
    pub(super) page: usize,
    pub(super) size: usize,
}

impl Paging {
    /// A page beyond the end is an empty one. Fails with kind `Invalid`, naming the parameter.
    pub(super) fn of(page: Option<i64>, page_size: Option<i64>) -> Result<Self> {
        let number = |number: i64| usize::try_from(number).ok().filter(|number| *number > 0);
        let page = number(page.unwrap_or(1)).ok_or_else(|| {
            let text = "'page' must be a whole number of 1 or more; pages are counted from 1";
            bad("page", text.to_owned())
        })?;
        let size = page_size.map_or(Some(PAGE_SIZE), number);
        let size = size.filter(|size| *size <= PAGE_SIZE_MAX).ok_or_else(|| {
            let text = format!("'page_size' must be 1 to {PAGE_SIZE_MAX}; ask for more pages");
            bad("page_size", text)
        })?;
        Ok(Self { page, size })
    }

    /// The items before the page.
    pub(super) fn skip(&self) -> usize {
        (self.page - 1).saturating_mul(self.size)
    }
}

/// The start of a window, inclusive: RFC 3339, in UTC if it has no offset. Fails with kind
/// `Invalid`, naming the parameter.
pub(super) fn from(field: &str, text: &str) -> Result<Timestamp> {
    Timestamp::from_rfc3339_or_utc(text.trim()).ok_or_else(|| {
        let text = format!("'{field}' must be RFC 3339, such as 2026-08-25T00:49:21Z");
        bad(field, text)
    })
}

/// The end of a window, inclusive: as [`from`], and a date alone is the whole day.
pub(super) fn until(field: &str, text: &str) -> Result<Timestamp> {
    let moment = from(field, text)?;
    let is_date = text.trim().len() == "2026-08-25".len();
    Ok(if is_date {
        moment.plus_ms(DAY_MS - 1)
    } else {
        moment
    })
}

const DAY_MS: u64 = 86_400_000;

pub(super) fn bad(field: &str, text: String) -> Error {
    Error::invalid("invalid_parameter", text).field(field)
}
