//! Compiles the schema that the provider declares for a model's inputs. A schema that cannot be
//! compiled loses the keywords that are in the way, and no others: what is left is still checked.
//!
//! OpenAPI's `nullable` and `required: true` on a property mean here what they mean there.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::base::unprintable::is_unprintable;

/// Keywords whose value is a map from names to schemas.
const MAPS: [&str; 4] = ["$defs", "definitions", "properties", "patternProperties"];
/// Keywords whose value is a schema.
const NESTED: [&str; 2] = ["items", "additionalProperties"];
/// Keywords whose value is a list of schemas.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Where references within a schema point to.
const SHARED: [&str; 2] = ["$defs", "definitions"];
/// Parts named in a message, and the characters of each.
const NAMED_MAX: usize = 8;
const NAMED_CHARS_MAX: usize = 100;

/// A schema as far as it can be checked.
pub(super) struct Compiled {
    /// `None` checks nothing.
    pub(super) validator: Option<Validator>,
    /// Which parts are not checked, as JSON pointers; empty if all of it is.
    pub(super) unchecked: Vec<String>,
}

impl Compiled {
    pub(super) fn of(schema: &Value) -> Self {
        let mut schema = schema.clone();
        normalize(&mut schema);
        if let Some(validator) = compile(&schema) {
            return Self {
                validator: Some(validator),
                unchecked: Vec::new(),
            };
        }
        let mut mending = Mending::default();
        let mended = mending.root(schema);
        let validator = compile(&mended);
        if validator.is_none() {
            mending.unchecked = vec![String::from("/")];
        }
        Self {
            validator,
            unchecked: mending.unchecked,
        }
    }
}

/// Formats are annotations: whether a URL can be fetched is for the provider to say.
fn compile(schema: &Value) -> Option<Validator> {
    jsonschema::options()
        .should_validate_formats(false)
        .build(schema)
        .ok()
}

#[derive(Default)]
struct Mending {
    /// The definitions that compile, for references to them.
    shared: Map<String, Value>,
    unchecked: Vec<String>,
}

impl Mending {
    fn root(&mut self, mut schema: Value) -> Value {
        if let Value::Object(keywords) = &mut schema {
            for name in SHARED {
                if let Some(definitions) = keywords.remove(name) {
                    let mended = self.keyword(name, definitions, &format!("/{name}"));
                    self.shared.insert(name.to_owned(), mended);
                }
            }
        }
        let mut mended = self.schema(schema, "");
        if let Value::Object(keywords) = &mut mended {
            keywords.append(&mut self.shared);
        }
        mended
    }

    fn schema(&mut self, schema: Value, at: &str) -> Value {
        if self.compiles(&schema) {
            return schema;
        }
        let Value::Object(keywords) = schema else {
            self.leave_out(at);
            return Value::Bool(true);
        };
        let mut mended = Map::new();
        for (name, value) in keywords {
            let here = format!("{at}/{name}");
            let value = self.keyword(&name, value, &here);
            let alone = json!({ name.as_str(): value });
            if self.compiles(&alone) {
                mended.insert(name, value);
            } else {
                self.leave_out(&here);
            }
        }
        Value::Object(mended)
    }

    fn keyword(&mut self, name: &str, value: Value, at: &str) -> Value {
        match value {
            Value::Object(schemas) if MAPS.contains(&name) => schemas
                .into_iter()
                .map(|(name, schema)| {
                    let mended = self.schema(schema, &format!("{at}/{name}"));
                    (name, mended)
                })
                .collect(),
            value if NESTED.contains(&name) => self.schema(value, at),
            Value::Array(names) if name == "required" => {
                names.into_iter().filter(Value::is_string).collect()
            }
            value => value,
        }
    }

    fn compiles(&self, schema: &Value) -> bool {
        let mut whole = self.shared.clone();
        whole.insert("allOf".to_owned(), json!([schema]));
        compile(&Value::Object(whole)).is_some()
    }

    fn leave_out(&mut self, at: &str) {
        if self.unchecked.len() < NAMED_MAX {
            let printable = at.chars().filter(|sign| !is_unprintable(*sign));
            self.unchecked
                .push(printable.take(NAMED_CHARS_MAX).collect());
        }
    }
}

/// Says in JSON Schema's words what the provider says in OpenAPI's, and requires no input that its
/// own page does not offer.
fn normalize(schema: &mut Value) {
    let Value::Object(keywords) = schema else {
        return;
    };
    if keywords.get("nullable").and_then(Value::as_bool) == Some(true) {
        allow_null(keywords);
    }
    require_as_listed(keywords);
    for name in MAPS {
        let schemas = keywords.get_mut(name).and_then(Value::as_object_mut);
        schemas
            .into_iter()
            .flatten()
            .for_each(|(_, one)| normalize(one));
    }
    for name in NESTED {
        keywords.get_mut(name).into_iter().for_each(normalize);
    }
    for name in LISTS {
        let schemas = keywords.get_mut(name).and_then(Value::as_array_mut);
        schemas.into_iter().flatten().for_each(normalize);
    }
}

fn allow_null(keywords: &mut Map<String, Value>) {
    match keywords.get_mut("type") {
        Some(Value::Array(types)) if !types.iter().any(|one| one == "null") => {
            types.push(json!("null"));
        }
        Some(only @ Value::String(_)) if only != "null" => *only = json!([only.take(), "null"]),
        _ => {}
    }
    if let Some(Value::Array(listed)) = keywords.get_mut("enum")
        && !listed.contains(&Value::Null)
    {
        listed.push(Value::Null);
    }
}

fn require_as_listed(keywords: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = keywords.get_mut("properties") else {
        return;
    };
    let (mut marked, mut hidden) = (Vec::new(), Vec::new());
    for (name, property) in properties {
        let Value::Object(property) = property else {
            continue;
        };
        let is = |mark: &str| property.get(mark).and_then(Value::as_bool) == Some(true);
        if is("x-hidden") || is("disabled") {
            hidden.push(json!(name));
        } else if is("required") {
            marked.push(json!(name));
        }
        if property.get("required").is_some_and(Value::is_boolean) {
            property.remove("required");
        }
    }
    match keywords.get_mut("required") {
        Some(Value::Array(required)) => {
            marked.retain(|name| !required.contains(name));
            required.append(&mut marked);
            required.retain(|name| !hidden.contains(name));
        }
        None if !marked.is_empty() => {
            keywords.insert("required".to_owned(), Value::Array(marked));
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
