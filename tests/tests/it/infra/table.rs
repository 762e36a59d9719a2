//! The table, as the adapter expects it.

use std::collections::BTreeSet;

use fluxgate_aws::dynamodb::{EXPIRES_AT, PK, SK};
use serde_json::json;

use super::resource;

#[test]
fn the_table_has_the_keys_and_the_expiry_that_the_adapter_writes() {
    let table = resource("Table");

    let keys = json!([{ "AttributeName": PK, "KeyType": "HASH" }, { "AttributeName": SK, "KeyType": "RANGE" }]);
    assert_eq!(table["KeySchema"], keys);
    let texts = json!([{ "AttributeName": PK, "AttributeType": "S" }, { "AttributeName": SK, "AttributeType": "S" }]);
    assert_eq!(table["AttributeDefinitions"], texts);
    assert_eq!(
        table["TimeToLiveSpecification"],
        json!({ "AttributeName": EXPIRES_AT, "Enabled": true })
    );
}

/// The adapter makes no index; one in the template would be paid for by every write.
#[test]
fn the_table_has_no_index_and_outlives_its_stack() {
    let names: BTreeSet<&str> = resource("Table")
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();

    assert!(
        !names.iter().any(|name| name.contains("Index")),
        "{names:?}"
    );
    let table = &super::template()["Resources"]["Table"];
    assert_eq!(
        [&table["DeletionPolicy"], &table["UpdateReplacePolicy"]],
        ["Retain", "Retain"]
    );
}
