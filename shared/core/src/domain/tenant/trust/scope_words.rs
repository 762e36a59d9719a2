//! Which scopes an issuer's words mean, where a trust does not say it word by word.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::claim_path::ClaimPath;
use crate::domain::tenant::Scope;

/// Words that begin so are meant for us and for nobody else.
const PREFIXES: [&str; 3] = ["fluxgate/", "fluxgate:", "fluxgate."];

/// The words at the path: a list of words, or one string with spaces between them.
pub(super) fn at(path: &ClaimPath, claims: &Map<String, Value>) -> Vec<String> {
    match path.find(claims) {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => {
            let words = list.iter().filter_map(Value::as_str);
            words.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The scope that the word names, in any case: alone, or as its first or last part. `None` for a
/// word that could name two.
pub(super) fn named(word: &str) -> Option<Scope> {
    let parts: Vec<&str> = word.split(['/', ':', '.']).collect();
    let scope = |part: Option<&&str>| {
        let is = |scope: &Scope| part.is_some_and(|part| part.eq_ignore_ascii_case(scope.as_str()));
        Scope::ALL.into_iter().find(is)
    };
    match (scope(parts.first()), scope(parts.last())) {
        (Some(first), Some(last)) => (first == last).then_some(first),
        (first, last) => first.or(last),
    }
}

/// What the token's own `scope` or `scp` says of us; `None` if it says nothing.
pub(super) fn ours(claims: &Map<String, Value>) -> Option<BTreeSet<Scope>> {
    let words = ["scope", "scp"].map(|name| at(&ClaimPath::named(name), claims));
    let mut ours = words
        .iter()
        .flatten()
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        .peekable();
    ours.peek()?;
    Some(ours.filter_map(|word| named(word)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_means_the_scope_that_it_names_first_or_last() {
        for word in [
            "submit",
            "Submit",
            "fluxgate/submit",
            "fluxgate:submit",
            "https://api.example/submit",
            "Images.Submit",
            "submit:images",
            "images:submit",
        ] {
            assert_eq!(named(word), Some(Scope::Submit), "{word}");
        }
        for word in [
            "",
            "submits",
            "resubmit",
            "a/submit/b",
            "read:billing",
            "submit_all",
            "admin",
        ] {
            assert_eq!(named(word), None, "{word}");
        }
    }

    #[test]
    fn words_of_ours_in_a_scope_limit_a_token_and_others_do_not() {
        let ours = |claims: Value| ours(claims.as_object().unwrap());

        assert_eq!(
            ours(json!({"scope": "openid fluxgate/submit fluxgate/read"})),
            Some(BTreeSet::from([Scope::Submit, Scope::Read]))
        );
        assert_eq!(
            ours(json!({"scp": ["fluxgate.billing"]})),
            Some(BTreeSet::from([Scope::Billing]))
        );
        assert_eq!(
            ours(json!({"scope": "fluxgate/other"})),
            Some(BTreeSet::new())
        );
        for of_others in [
            json!({}),
            json!({"scope": "openid submit read:x"}),
            json!({"scope": 7}),
        ] {
            assert_eq!(ours(of_others), None);
        }
    }
}
