//! Headers that must have a single value.

use axum::http::{HeaderMap, HeaderValue};
use fluxgate_core::{Error, Result};

/// Fails with kind `Invalid` if the header is repeated: a server in front may have read another
/// value.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>> {
    let mut all = headers.get_all(name).iter();
    let value = all.next();
    if all.next().is_some() {
        let text = format!("send only one '{name}' header");
        return Err(Error::invalid("header_repeated", text).field(name));
    }
    Ok(value)
}
