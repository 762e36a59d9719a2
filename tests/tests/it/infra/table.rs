//! The table, as the adapter expects it.

use std::collections::BTreeSet;

use fluxgate_aws::dynamodb::{EXPIRES_AT, PK, SK};
use serde_json::{Value, json};

use super::{resource, resources, template};

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

/// A backup of keys would bring back what was erased by removing them.
#[test]
fn the_table_of_keys_is_like_the_other_one_and_has_no_backups() {
    let (table, keys) = (resource("Table"), resource("KeysTable"));

    for part in [
        "KeySchema",
        "AttributeDefinitions",
        "BillingMode",
        "SSESpecification",
    ] {
        assert_eq!(keys[part], table[part], "{part}");
    }
    assert!(keys.get("PointInTimeRecoverySpecification").is_none());
    assert_eq!(keys["DeletionProtectionEnabled"], true);
    let whole = &super::template()["Resources"]["KeysTable"];
    assert_eq!(whole["DeletionPolicy"], "Retain");
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
    let table = &template()["Resources"]["Table"];
    assert_eq!(table["Condition"], "MakesTable");
    assert_eq!(
        [&table["DeletionPolicy"], &table["UpdateReplacePolicy"]],
        ["Retain", "Retain"]
    );
}

/// Whatever names the table names the one that was adopted, if one was: a reference to the stack's
/// own alone would fail a deployment that has none.
#[test]
fn wherever_the_table_is_meant_an_existing_one_may_take_its_place() {
    let mut choices = 0;
    let all = [&template()["Resources"], &template()["Outputs"]];
    for part in all {
        for (name, it) in part.as_object().unwrap() {
            each_reference(name, it, &mut choices);
        }
    }
    assert!(choices > 15, "only {choices} were found");
}

fn each_reference(name: &str, node: &Value, choices: &mut usize) {
    if node["Fn::If"][0] == "MakesTable" {
        *choices += 1;
        let [own, other] = [&node["Fn::If"][1], &node["Fn::If"][2]];
        let of_table = own["Ref"] == "Table" || own["Fn::GetAtt"] == json!(["Table", "Arn"]);
        let adopted = other["Ref"] == "ExistingTableName"
            || other["Fn::Sub"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(":table/${ExistingTableName}"));
        // The variable that says so has neither.
        let says_so = *own == json!("") && *other == json!("yes");
        assert!((of_table && adopted) || says_so, "{name}: {node}");
        return;
    }
    let refers = node["Ref"] == "Table"
        || node["Fn::GetAtt"][0] == "Table"
        || node["Fn::Sub"].to_string().contains("${Table}");
    assert!(!refers, "{name}: {node}");
    match node {
        Value::Array(parts) => parts
            .iter()
            .for_each(|it| each_reference(name, it, choices)),
        Value::Object(parts) => parts
            .values()
            .for_each(|it| each_reference(name, it, choices)),
        _ => {}
    }
}

/// A plan is for one table, and the copy is elsewhere.
#[test]
fn backups_are_of_the_table_alone_and_made_only_if_a_schedule_says_so() {
    for kind in [
        "AWS::Backup::BackupVault",
        "AWS::Backup::BackupPlan",
        "AWS::Backup::BackupSelection",
    ] {
        for (name, _) in resources(kind) {
            let condition = &template()["Resources"][name]["Condition"];
            assert!(
                condition == "MakesBackups" || condition == "MakesBackupVault",
                "{name}: {condition}"
            );
        }
    }
    let vault = &template()["Resources"]["BackupVault"];
    assert_eq!(
        [&vault["DeletionPolicy"], &vault["UpdateReplacePolicy"]],
        ["Retain", "Retain"]
    );
    let selection = &resource("BackupSelection")["BackupSelection"];
    assert_eq!(super::list(&selection["Resources"]).len(), 1);
    assert_eq!(super::named(&selection["Resources"][0]), Some("Table"));
    let rule = &resource("BackupPlan")["BackupPlan"]["BackupPlanRule"][0];
    assert_eq!(rule["ScheduleExpression"]["Ref"], "BackupSchedule");
    let copy = &rule["CopyActions"]["Fn::If"];
    assert_eq!(copy[0], "CopiesBackups");
    let to = &copy[1][0]["DestinationBackupVaultArn"]["Ref"];
    assert_eq!(to, "BackupCopyVaultArn");
    for (role, policy) in [("BackupRole", "ForBackup"), ("RestoreRole", "ForRestores")] {
        let role = resource(role);
        let trust = &role["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(trust[0]["Principal"]["Service"], "backup.amazonaws.com");
        let policies = super::list(&role["ManagedPolicyArns"]);
        let named = super::text(&policies[0]["Fn::Sub"]);
        assert!(named.ends_with(policy) && policies.len() == 1, "{named}");
    }
}
