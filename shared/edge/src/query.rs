//! The query of a request, read by name.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fluxgate_core::{Error, Result};

/// In the order of the request. A parameter is judged when it is asked for: others may be the
/// client's own.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    fn of(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Fails with kind `Invalid` when it is given more than once: which of them is meant is not
    /// ours to choose.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>> {
        let mut all = self
            .0
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.as_str());
        let text = all.next();
        if all.next().is_some() {
            return Err(bad(
                name,
                format!("'{name}' is given more than once; give it once"),
            ));
        }
        // What is no UTF-8 is decoded to this sign.
        if text.is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(bad(
                name,
                format!("'{name}' is not UTF-8; percent-encode it"),
            ));
        }
        Ok(text)
    }

    /// False when it is left out. Fails with kind `Invalid`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(bad(name, format!("'{name}' is true or false"))),
        }
    }
}

fn bad(name: &str, text: String) -> Error {
    Error::invalid("invalid_parameter", text).field(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_given_once_and_in_utf_8_if_it_is_asked_for() {
        let query = Query::of("a=1&b=2&b=2&c=%ff&own=x&own=y&d=%c3%a9");

        assert_eq!(query.text("a").expect("it is given once"), Some("1"));
        assert_eq!(query.text("d").expect("it is UTF-8"), Some("é"));
        assert_eq!(query.text("e").expect("it is left out"), None);
        for name in ["b", "c"] {
            let error = query.text(name).expect_err("it is refused");
            assert_eq!(
                (error.code, error.field.as_deref()),
                ("invalid_parameter", Some(name))
            );
        }
    }
}
