//! A header that has one value.

use axum::http::{HeaderMap, HeaderValue};
use fluxgate_core::{Error, Result};

/// Fails with kind `Invalid` when there are several of the name: another server on the way may have
/// read another one.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>> {
    let mut all = headers.get_all(name).iter();
    let value = all.next();
    if all.next().is_some() {
        let text = format!("send one '{name}' header; these are several");
        return Err(Error::invalid("header_repeated", text).field(name));
    }
    Ok(value)
}
