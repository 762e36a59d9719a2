//! What the audit log tells of a tenant, and how a change is told: what was before and what is
//! after, of the fields that differ.

use serde_json::{Map, Value, json};

use crate::domain::tenant::{ClaimPath, Destination, Tenant, Trust};

/// The tenant as recorded in the audit log: without keys and ExternalId.
pub(super) fn told(tenant: &Tenant) -> Value {
    let issuers: Vec<&str> = tenant
        .trust
        .iter()
        .map(|trust| trust.issuer.as_str())
        .collect();
    let destination = &tenant.destination;
    json!({
        "issuers": issuers, "bucket": destination.bucket, "prefix": destination.prefix,
        "role_arn": destination.role.as_ref().map(|role| &role.arn), "limits": tenant.limits,
        "unarchived": tenant.unarchived, "retention": tenant.retention,
    })
}

/// The same with all that a change may touch.
pub(super) fn told_in_full(tenant: &Tenant) -> Value {
    let mut full = told(tenant);
    full["trust"] = tenant.trust.iter().map(told_trust).collect();
    told_destination(&tenant.destination, &mut full);
    full["state"] = json!(tenant.state);
    let editable: Vec<String> = tenant
        .trust
        .iter()
        .flat_map(Trust::user_editable)
        .map(ClaimPath::pointer)
        .collect();
    if !editable.is_empty() {
        full["user_editable_claims"] = json!(editable);
    }
    full
}

/// Without the keys of a store, except which one it is.
fn told_destination(destination: &Destination, full: &mut Value) {
    full["bucket_owner"] = json!(destination.bucket_owner);
    let store = destination.store.as_ref();
    let keys = store.and_then(|store| store.keys.as_ref());
    full["endpoint"] = json!(store.and_then(|store| store.endpoint.as_ref()));
    full["region"] = json!(store.map(|store| &store.region));
    full["access_key_id"] = json!(keys.map(|keys| &keys.access_key_id));
    full["path_style"] = json!(store.map(|store| store.path_style));
    full["checksums"] = json!(store.map(|store| store.checksums));
    full["conditional_put"] = json!(store.map(|store| store.conditional_put));
    full["key_template"] = json!(destination.key_template);
    full["storage_class"] = json!(destination.storage_class);
    full["kms_key"] = json!(destination.kms_key);
    full["outputs"] = json!(destination.outputs);
    full["archive"] = json!(destination.archive);
}

/// Of keys that were given in place, their ids: whole sets would not fit in an entry.
fn told_trust(trust: &Trust) -> Value {
    let mut told = json!(trust);
    if let Some(keys) = told.pointer("/keys/jwks/keys").and_then(Value::as_array) {
        let ids: Vec<Value> = keys.iter().map(|key| key["kid"].clone()).collect();
        told["keys"] = json!({ "kids": ids });
    }
    told
}

/// Adds what differs to an entry's detail, as `before` and `after`. Either may be null: what was
/// created, or is gone.
pub(super) fn with_difference(mut detail: Value, before: &Value, after: &Value) -> Value {
    detail["before"] = differing(before, after);
    detail["after"] = differing(after, before);
    detail
}

/// The fields of one that are not the same in the other.
fn differing(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            let differs = |name: &String, value: &Value| others.get(name) != Some(value);
            let fields = fields.iter().filter(|(name, value)| differs(name, value));
            let fields = fields.map(|(name, value)| (name.clone(), value.clone()));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        (one, _) => one.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_the_fields_that_differ() {
        let before = json!({ "bucket": "a", "prefix": "", "limits": { "burst": 1 } });
        let after = json!({ "bucket": "b", "prefix": "", "limits": { "burst": 2 } });

        let told = with_difference(json!({ "by": "x" }), &before, &after);

        assert_eq!(
            told,
            json!({
                "by": "x",
                "before": { "bucket": "a", "limits": { "burst": 1 } },
                "after": { "bucket": "b", "limits": { "burst": 2 } },
            })
        );
    }

    #[test]
    fn what_was_not_there_before_is_told_whole() {
        let told = with_difference(json!({}), &Value::Null, &json!({ "limit": 5 }));

        assert_eq!(told, json!({ "before": null, "after": { "limit": 5 } }));
    }
}
