//! What a role may do, evaluated as IAM evaluates the policies of an identity: nothing is allowed
//! that no statement allows, and a denial wins.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::collections::BTreeMap;

use serde_json::Value;

/// One permission that a call needs, as `dynamodb:PutItem` on a table's ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub action: String,
    pub resource: String,
}

/// One action on one resource, as a statement spells them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub action: String,
    pub resource: String,
}

/// The statements of one identity.
#[derive(Debug, Clone, Default)]
pub struct Policy(Vec<Statement>);

#[derive(Debug, Clone)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    /// Operator, key, values.
    conditions: Vec<(String, String, Vec<String>)>,
}

/// What is known of a request beside its action and its resource.
pub(super) type Facts = BTreeMap<&'static str, String>;

impl Policy {
    /// From the documents of a role's policies. Panics at what it does not understand: a test
    /// must not pass because a restriction was not read.
    pub fn of(documents: &[Value]) -> Self {
        let statements = documents.iter().flat_map(|document| {
            let statements = document["Statement"].as_array();
            statements.expect("a policy has statements").iter()
        });
        Self(statements.map(Statement::of).collect())
    }

    /// The same without an action, wherever it is allowed.
    #[must_use]
    pub fn without(mut self, action: &str) -> Self {
        for statement in self.0.iter_mut().filter(|it| it.allows) {
            statement.actions.retain(|it| it != action);
        }
        self
    }

    /// Everything that it allows.
    pub fn grants(&self) -> Vec<Grant> {
        let allowing = self.0.iter().filter(|it| it.allows);
        allowing.flat_map(Statement::grants).collect()
    }

    /// The grants that allow this; nothing if it is denied.
    pub(super) fn allowing(&self, need: &Need, facts: &Facts) -> Vec<Grant> {
        let about: Vec<&Statement> = self.0.iter().filter(|it| it.holds(facts)).collect();
        let grants = |allows: bool| {
            let about = about.iter().filter(move |it| it.allows == allows);
            let grants = about.flat_map(|it| it.grants());
            grants.filter(|it| it.covers(need)).collect::<Vec<_>>()
        };
        if grants(false).is_empty() {
            grants(true)
        } else {
            Vec::new()
        }
    }
}

impl Statement {
    fn of(written: &Value) -> Self {
        let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
        for name in written.as_object().expect("a statement").keys() {
            assert!(known.contains(&name.as_str()), "{name} in {written}");
        }
        let effect = written["Effect"].as_str();
        assert!(matches!(effect, Some("Allow" | "Deny")), "{written}");
        let operators = written["Condition"].as_object().into_iter().flatten();
        let conditions = operators.flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(|(key, values)| (operator.clone(), key.clone(), texts(values)))
        });
        Self {
            allows: effect == Some("Allow"),
            actions: texts(&written["Action"]),
            resources: texts(&written["Resource"]),
            conditions: conditions.collect(),
        }
    }

    fn grants(&self) -> Vec<Grant> {
        let of_action = |action: &String| {
            let each = self.resources.iter().cloned();
            let action = action.clone();
            each.map(move |resource| Grant {
                action: action.clone(),
                resource,
            })
        };
        self.actions.iter().flat_map(of_action).collect()
    }

    /// A key that the request does not have fails its condition.
    fn holds(&self, facts: &Facts) -> bool {
        self.conditions.iter().all(|(operator, key, values)| {
            let Some(fact) = facts.get(key.as_str()) else {
                return false;
            };
            match operator.as_str() {
                "StringEquals" => values.contains(fact),
                "StringLike" | "ArnLike" | "ArnEquals" => {
                    values.iter().any(|value| matches(value, fact))
                }
                "Bool" => values.iter().any(|value| value.eq_ignore_ascii_case(fact)),
                other => panic!("the operator {other} is not evaluated here: add it"),
            }
        })
    }
}

impl Grant {
    fn covers(&self, need: &Need) -> bool {
        let action = self.action.to_lowercase();
        matches(&action, &need.action.to_lowercase()) && matches(&self.resource, &need.resource)
    }
}

/// `*` is any text and `?` any character.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts.any(|at| matches(rest, &text[at..]))
        }
        (Some('?'), Some(found)) => matches(&pattern[1..], &text[found.len_utf8()..]),
        (Some(wanted), Some(found)) if wanted == found => {
            let width = wanted.len_utf8();
            matches(&pattern[width..], &text[width..])
        }
        _ => false,
    }
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        other => panic!("not a text: {other}"),
    };
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => vec![text(one)],
    }
}
