//! An authenticated caller of the admin API; and on AWS, which scopes the callers that IAM lets
//! through have.

use std::collections::BTreeSet;

use super::AdminScope;
use crate::base::error::{Error, Kind, Result};
use crate::domain::tenant::Actor;

/// Who calls, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminCaller {
    pub actor: Actor,
    pub scopes: BTreeSet<AdminScope>,
}

impl AdminCaller {
    /// Fails with kind `Forbidden` and code `scope_missing`, naming the scope.
    pub fn require(&self, scope: AdminScope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let (actor, scope) = (self.actor.as_str(), scope.as_str());
        let text = format!("'{actor}' may not do this, which needs the scope '{scope}'");
        Err(Error::new(Kind::Forbidden, "scope_missing", text))
    }
}

/// Patterns of callers' ARNs, each with its scopes. In a pattern `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerScopes(Vec<(String, BTreeSet<AdminScope>)>);

impl CallerScopes {
    /// `PATTERN=SCOPE,…`, separated by white space. Kind `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        text.split_whitespace()
            .map(entry)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Those of every pattern that matches; all scopes where there are no patterns.
    pub fn of(&self, arn: &str) -> BTreeSet<AdminScope> {
        if self.0.is_empty() {
            return AdminScope::all();
        }
        let matching = self.0.iter().filter(|(pattern, _)| matches(pattern, arn));
        matching.flat_map(|(_, scopes)| scopes.clone()).collect()
    }
}

fn entry(text: &str) -> Result<(String, BTreeSet<AdminScope>)> {
    // A session's name may have the sign too.
    let (pattern, scopes) = text
        .rsplit_once('=')
        .filter(|(pattern, _)| !pattern.is_empty())
        .ok_or_else(|| {
            let text = "write PATTERN=SCOPE,… for each caller, separated by spaces, such as arn:aws:sts::123456789012:assumed-role/billing/*=read,money";
            Error::invalid("invalid_parameter", text)
        })?;
    let scopes: BTreeSet<_> = scopes
        .split(',')
        .map(AdminScope::parse)
        .collect::<Result<_>>()?;
    Ok((pattern.to_owned(), scopes))
}

/// Whether the whole text is the pattern's parts in their order, with anything between them.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text
        .strip_prefix(head)
        .and_then(|text| text.strip_suffix(tail))
    else {
        return false;
    };
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const BILLING: &str = "arn:aws:sts::123456789012:assumed-role/billing/ada=home";

    fn scopes(patterns: &str, arn: &str) -> Vec<&'static str> {
        let scopes = CallerScopes::parse(patterns).unwrap().of(arn);
        scopes.into_iter().map(AdminScope::as_str).collect()
    }

    #[test]
    fn without_patterns_every_caller_has_every_scope() {
        assert_eq!(scopes("", BILLING), ["read", "write", "money", "metrics"]);
        assert_eq!(scopes(" \n", "").len(), 4);
    }

    #[test]
    fn a_caller_has_the_scopes_of_every_pattern_that_matches_its_whole_arn() {
        let patterns = "arn:aws:sts::123456789012:assumed-role/billing/*=read,money \
                        arn:*:assumed-role/*/ada*=metrics arn:aws:iam::*:user/root=write";

        assert_eq!(scopes(patterns, BILLING), ["read", "money", "metrics"]);
        for (arn, expected) in [
            (
                "arn:aws:sts::123456789012:assumed-role/billing-x/bob",
                &[][..],
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/billing/bob",
                &["read", "money"],
            ),
            ("arn:aws:iam::1:user/root", &["write"]),
            ("arn:aws:iam::1:user/rooted", &[]),
            ("x-arn:aws:iam::1:user/root", &[]),
            ("", &[]),
        ] {
            assert_eq!(scopes(patterns, arn), expected, "{arn}");
        }
        assert_eq!(scopes("a*a=read", "a"), [""; 0], "the ends do not overlap");
        assert_eq!(scopes("*=read", ""), ["read"]);
    }

    #[test]
    fn what_is_no_list_of_patterns_is_refused() {
        for text in [
            "arn:aws:iam::1:user/a",
            "=read",
            "arn:x=",
            "arn:x=read,all",
            "a = read",
        ] {
            assert!(CallerScopes::parse(text).is_err(), "{text}");
        }
    }
}
