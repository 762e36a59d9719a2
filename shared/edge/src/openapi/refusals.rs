//! The refusals that any operation of a kind may answer with: they follow from what it takes, so
//! they are added to the document here, in the format of the operation's API.

use std::borrow::Cow;

use fluxgate_core::error_code;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Every code that an error may carry.
pub(crate) struct ErrorCode;

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Stable and machine-readable."))
            .enum_values(Some(error_code::ALL))
            .into()
    }
}

impl ToSchema for ErrorCode {
    fn name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
}

/// Said of a status where the operation says nothing of its own.
fn text(status: &str) -> &'static str {
    match status {
        "400" => "a parameter, a header or the body is wrong; the answer says which",
        "401" => "no token, or none that is valid",
        "403" => "the token lacks the scope, or its tenant may not do this",
        "404" => "there is none of this name, or it is another's",
        "405" => "the path does not support the method",
        "408" => "the body arrived too slowly",
        "413" => "the body is too large",
        "415" => "a compressed body, or JSON that is not UTF-8",
        "429" => {
            "too many requests, or too many long reads that wait for their turn; `Retry-After` says when to come again"
        }
        "500" => "a fault of the gateway; the request may or may not have taken effect",
        "503" => "something that the gateway needs does not answer; try again",
        _ => "refused",
    }
}

pub(super) fn add(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    for (path, operations) in paths {
        let operations = operations.as_object_mut().into_iter().flatten();
        for (_, operation) in operations.filter(|(name, _)| name.as_str() != "parameters") {
            describe_parameters(operation);
            let body = operation.get_mut("requestBody");
            body.into_iter().for_each(state_optional);
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
            add_to(operation, path);
        }
    }
}

fn add_to(operation: &mut Value, path: &str) {
    let statuses = implied(operation, path);
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for status in statuses {
        responses
            .entry(status)
            .or_insert_with(|| json!({ "description": text(status) }));
    }
    for (status, response) in responses {
        if status.starts_with(['4', '5']) {
            complete(response, status, path);
        }
    }
}

/// What an operation may be refused for, by what it takes.
fn implied(operation: &Value, path: &str) -> Vec<&'static str> {
    let is_for_someone = operation["security"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let mut parameters = parameters.into_iter().flatten();
    let takes_parameters = parameters.clone().next().is_some();
    let mut statuses = vec!["500"];
    if is_for_someone {
        statuses.extend(["401", "403", "429", "503"]);
        // Operators' requests are not counted, but their long reads are.
        if is_operators(path) {
            // Unknown parameters are refused.
            statuses.push("400");
        }
    }
    if takes_parameters {
        statuses.push("400");
    }
    if parameters.any(|parameter| parameter["in"] == "path") {
        statuses.push("404");
    }
    if operation.get("requestBody").is_some() {
        statuses.extend(["400", "408", "413", "415"]);
    }
    statuses
}

fn is_operators(path: &str) -> bool {
    path.starts_with("/admin/")
}

fn complete(response: &mut Value, status: &str, path: &str) {
    let (media_type, schema) = if path.starts_with("/api/") {
        ("application/json", "WaveSpeedErrorBody")
    } else {
        ("application/problem+json", "ProblemBody")
    };
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    response["content"] = json!({ media_type: { "schema": schema } });
    if response["description"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        response["description"] = text(status).into();
    }
    let header = match status {
        "401" => Some(("WWW-Authenticate", "string", "always `Bearer`")),
        "429" | "503" => Some(("Retry-After", "integer", "seconds to wait")),
        _ => None,
    };
    if let Some((name, kind, description)) = header {
        let header = json!({ "description": description, "schema": { "type": kind } });
        response["headers"] = Value::Object(Map::from_iter([(name.to_owned(), header)]));
    }
}

/// A body that may be left out may not be `null`.
fn state_optional(body: &mut Value) {
    let contents = body["content"].as_object_mut();
    let mut is_optional = false;
    for (_, content) in contents.into_iter().flatten() {
        let Some(forms) = content["schema"]["oneOf"].as_array() else {
            continue;
        };
        let form = forms.iter().find(|form| form.get("$ref").is_some());
        if let Some(form) = form.cloned() {
            content["schema"] = form;
            is_optional = true;
        }
    }
    body["required"] = (!is_optional).into();
}

/// Parts of paths mean the same wherever they stand.
fn describe_parameters(operation: &mut Value) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let is_described = parameter["description"].as_str().is_some();
        if parameter["in"] != "path" || is_described {
            continue;
        }
        parameter["description"] = match parameter["name"].as_str().unwrap_or_default() {
            "owner" => "who publishes the model, such as `wavespeed-ai`",
            "model" => "the model's name, such as `flux-kontext-max`",
            "variant" => "the third part of the model's path",
            "version" => "the fourth part of the model's path",
            "tenant" => "the tenant's id",
            "endpoint" => "the endpoint's id",
            "delivery" => "the delivery's id",
            _ => "its id",
        }
        .into();
    }
}
