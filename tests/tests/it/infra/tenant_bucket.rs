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
    assert_eq!(
        trust["Condition"]["StringEquals"]["sts:ExternalId"]["Ref"],
        "ExternalId"
    );
    assert_eq!(
        trust["Condition"]["ArnEquals"]["aws:PrincipalArn"]["Ref"],
        "FluxgateRoleArns"
    );

    let policies = list(&role["Policies"]);
    assert_eq!(policies.len(), 1);
    let outputs = statement(&policies[0]["PolicyDocument"]);
    let actions: BTreeSet<String> = list(&outputs["Action"]).into_iter().map(text).collect();
    assert_eq!(actions, called_on_objects());
    assert_eq!(
        outputs["Resource"]["Fn::Sub"],
        "arn:${AWS::Partition}:s3:::${BucketName}/${Prefix}/*"
    );
}

/// What a page may do on one machine it may do on AWS.
#[tokio::test]
async fn a_made_bucket_lets_pages_read_as_the_local_bucket_does() {
    let rules = written("infra/tenant-bucket.yaml")["Resources"]["Bucket"]["Properties"]["CorsConfiguration"].clone();
    let rules = list(&rules["CorsRules"]);
    let gateway = fluxgate_tests::Gateway::start().await;
    let preflight = gateway
        .http()
        .request(reqwest::Method::OPTIONS, gateway.server.s3_url());
    let preflight = preflight
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET");

    let local = preflight.send().await.unwrap().headers().clone();

    assert_eq!(rules.len(), 1);
    let of = |name: &str| {
        list(&rules[0][name])
            .into_iter()
            .map(text)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let header = |name: &str| {
        local
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    };
    assert_eq!(header("access-control-allow-origin"), of("AllowedOrigins"));
    assert_eq!(header("access-control-allow-methods"), of("AllowedMethods"));
    assert_eq!(header("access-control-allow-headers"), of("AllowedHeaders"));
    assert_eq!(
        header("access-control-max-age"),
        super::number(&rules[0]["MaxAge"]).to_string()
    );
    assert_eq!(
        (
            header("access-control-expose-headers"),
            &rules[0]["ExposedHeaders"]
        ),
        ("", &Value::Null)
    );
}

/// The actions of the calls that the adapter makes. It deletes only where puts are not conditional,
/// which they are on AWS, and what a probe wrote, which may stay.
fn called_on_objects() -> BTreeSet<String> {
    let code = sources("shared/s3/src");
    let called = OBJECT_CALLS
        .iter()
        .filter(|(call, _)| code.contains(&format!(".{call}()")));
    let needed = called.filter(|(_, action)| *action != "s3:DeleteObject");
    needed.map(|(_, action)| (*action).to_owned()).collect()
}

/// The only statement of a policy.
fn statement(policy: &Value) -> &Value {
    let statements = list(&policy["Statement"]);
    assert_eq!(statements.len(), 1, "{policy}");
    statements[0]
}
