//! The process's environment, read by name; it records which names were read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::init::InitError;

type Get = Box<dyn Fn(&str) -> Option<String>>;

/// Environment variables. An empty one counts as unset: a template cannot leave a variable out.
pub struct Environment {
    get: Get,
    read: RefCell<BTreeSet<&'static str>>,
}

impl Environment {
    /// The environment of this process.
    pub fn process() -> Self {
        Self::from_fn(|name| std::env::var(name).ok())
    }

    /// Exactly these variables.
    pub fn of(variables: BTreeMap<String, String>) -> Self {
        Self::from_fn(move |name| variables.get(name).cloned())
    }

    fn from_fn(get: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            get: Box::new(get),
            read: RefCell::default(),
        }
    }

    /// The names of Fluxgate's own variables that have been read so far, set or not.
    pub fn names(&self) -> BTreeSet<&'static str> {
        self.read.borrow().clone()
    }

    pub(crate) fn optional(&self, name: &'static str) -> Option<String> {
        self.read.borrow_mut().insert(name);
        self.value(name)
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<String, InitError> {
        self.optional(name).ok_or_else(|| missing(name))
    }

    pub(crate) fn optional_url(&self, name: &'static str) -> Result<Option<Url>, InitError> {
        self.optional(name)
            .map(|text| parse(name, &text))
            .transpose()
    }

    pub(crate) fn url(&self, name: &'static str) -> Result<Url, InitError> {
        parse(name, &self.required(name)?)
    }

    /// A whole number above zero.
    pub(crate) fn optional_count(&self, name: &'static str) -> Result<Option<u32>, InitError> {
        let Some(text) = self.optional(name) else {
            return Ok(None);
        };
        let count = text.parse().ok().filter(|count| *count > 0);
        count.map(Some).ok_or_else(|| {
            let text = format!("the environment variable {name} holds '{text}', which is not a whole number above zero");
            InitError::new(text)
        })
    }

    pub(crate) fn required_count(&self, name: &'static str) -> Result<u32, InitError> {
        self.optional_count(name)?.ok_or_else(|| missing(name))
    }

    /// A variable that the platform sets, not the template.
    pub(crate) fn platform(&self, name: &'static str) -> Result<String, InitError> {
        self.value(name).ok_or_else(|| missing(name))
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.get)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }
}

fn missing(name: &str) -> InitError {
    InitError::new(format!("the environment variable {name} is not set"))
}

fn parse(name: &str, text: &str) -> Result<Url, InitError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(InitError::new(format!(
            "the environment variable {name} holds '{text}', which is not an http(s) URL"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, value: &str) -> Environment {
        Environment::of(BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn a_missing_and_an_empty_variable_are_named() {
        for value in ["", "  "] {
            let error = environment("FLUXGATE_TABLE", value)
                .required("FLUXGATE_TABLE")
                .unwrap_err();
            assert_eq!(format!("{error:?}").lines().count(), 1);
            assert!(format!("{error:?}").contains("FLUXGATE_TABLE"));
        }
    }

    #[test]
    fn a_malformed_url_is_named_and_shown() {
        let env = environment("FLUXGATE_PROVIDER_URL", "api.wavespeed.ai");

        let error = format!("{:?}", env.url("FLUXGATE_PROVIDER_URL").unwrap_err());

        assert!(
            error.contains("FLUXGATE_PROVIDER_URL") && error.contains("'api.wavespeed.ai'"),
            "{error}"
        );
        assert_eq!(env.names(), BTreeSet::from(["FLUXGATE_PROVIDER_URL"]));
    }
}
