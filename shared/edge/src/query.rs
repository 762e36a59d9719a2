//! Query parameters, read by name.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fluxgate_core::nearest::nearest;
use fluxgate_core::{Error, Result, echo};

/// In the order of the request. A parameter is validated only when it is read, because others may
/// belong to the client.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    pub(crate) fn of(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// Fails with kind `Invalid` for a parameter that is none of these, which might be one of them
    /// misspelt, and names the nearest. A name that ends in `[]` is a map's, for [`Self::map`].
    pub(crate) fn only(&self, known: &[&str]) -> Result<()> {
        let mut names = self.0.iter().map(|(name, _)| name.as_str());
        let is_known = |name: &str| {
            known.iter().any(|known| match known.strip_suffix("[]") {
                Some(map) => member_of(name, map).is_some(),
                None => name == *known,
            })
        };
        let Some(unknown) = names.find(|name| !is_known(name)) else {
            return Ok(());
        };
        let name = echo(unknown);
        let instead = match (nearest(unknown, known.iter().copied()).first(), known) {
            (Some(near), _) => format!("write '{near}' if that is meant"),
            (None, []) => "this route takes none".to_owned(),
            (None, _) => format!("there are {}", known.join(", ")),
        };
        Err(bad(
            &name,
            format!("there is no parameter '{name}'; {instead}"),
        ))
    }

    /// Fails with kind `Invalid` if the parameter is repeated: we cannot know which one is meant.
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
        // The decoder replaces invalid UTF-8 with this character.
        if text.is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(bad(
                name,
                format!("'{name}' is not valid UTF-8; percent-encode it"),
            ));
        }
        Ok(text)
    }

    /// What a parameter says, if it is given; an error names it.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T>,
    ) -> Result<Option<T>> {
        let parsed = self.text(name)?.map(parse).transpose();
        parsed.map_err(|error| error.field(name))
    }

    /// The members of a map, each given as `name[member]=value`. Fails with kind `Invalid` for one
    /// that is given twice.
    pub(crate) fn map(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let mut map = BTreeMap::new();
        for (full, _) in &self.0 {
            if let Some(member) = member_of(full, name)
                && let Some(value) = self.text(full)?
            {
                map.insert(member.to_owned(), value.to_owned());
            }
        }
        Ok(map)
    }

    /// False if the parameter is absent. Fails with kind `Invalid`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(bad(name, format!("'{name}' must be true or false"))),
        }
    }
}

fn member_of<'a>(full: &'a str, name: &str) -> Option<&'a str> {
    let rest = full.strip_prefix(name)?.strip_prefix('[')?;
    let member = rest.strip_suffix(']')?;
    (!member.is_empty() && !member.contains(['[', ']'])).then_some(member)
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
