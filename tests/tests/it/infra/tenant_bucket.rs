//! What a tenant deploys in its own account.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{list, roles::OBJECT_CALLS, sources, text, written};

#[test]
fn a_tenants_role_asks_for_the_external_id_and_allows_what_the_s3_adapter_calls() {
    let template = written("infra/tenant-bucket.yaml");
    let role = &template["Resources"]["Role"]["Properties"];

    let trust = statement(&role["AssumeRolePolicyDocument"]);
    assert_eq!(trust["Action"], "sts:AssumeRole");
    assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"]["Ref"], "ExternalId");
    assert_eq!(trust["Condition"]["ArnEquals"]["aws:PrincipalArn"]["Ref"], "FluxgateRoleArns");

    let policies = list(&role["Policies"]);
    assert_eq!(policies.len(), 1);
    let outputs = statement(&policies[0]["PolicyDocument"]);
    let actions: BTreeSet<String> = list(&outputs["Action"]).into_iter().map(text).collect();
    assert_eq!(actions, called_on_objects());
    assert_eq!(outputs["Resource"]["Fn::Sub"], "arn:${AWS::Partition}:s3:::${BucketName}/${Prefix}/*");
}

/// The actions of the calls that the adapter makes.
fn called_on_objects() -> BTreeSet<String> {
    let code = sources("shared/s3/src");
    let called = OBJECT_CALLS.iter().filter(|(call, _)| code.contains(&format!(".{call}()")));
    called.map(|(_, action)| (*action).to_owned()).collect()
}

/// The only statement of a policy.
fn statement(policy: &Value) -> &Value {
    let statements = list(&policy["Statement"]);
    assert_eq!(statements.len(), 1, "{policy}");
    statements[0]
}
