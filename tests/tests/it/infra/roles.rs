//! What each function may do, and that it is no more than it needs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    FUNCTIONS, allowed_actions, capital, function, list, named, resource, resources, sources,
    template, text,
};

/// Resources that are more than one thing, by the statement's name.
const PATTERNS: [(&str, &str); 6] = [
    (
        "OriginSecret",
        "Secrets Manager ends every ARN in six characters of its own",
    ),
    (
        "Trace",
        "X-Ray knows no resources: the operator's parameter says whether traces are kept",
    ),
    (
        "TenantRoles",
        "roles in tenants' accounts: the operator's parameter says which",
    ),
    (
        "OwnBuckets",
        "objects in buckets of this account whose name the operator's parameter says",
    ),
    (
        "UsageExport",
        "objects under the prefix that the operator's parameters name",
    ),
    (
        "Secrets",
        "Secrets Manager ends every ARN in six characters of its own",
    ),
];

/// Calls of the SDK on the table, with the action that authorises each. A transaction is authorised
/// by those of its items.
const TABLE_CALLS: [(&str, &str); 10] = [
    (".describe_table()", "dynamodb:DescribeTable"),
    (".get_item()", "dynamodb:GetItem"),
    (".batch_get_item()", "dynamodb:BatchGetItem"),
    (".query()", "dynamodb:Query"),
    (".scan()", "dynamodb:Scan"),
    (".put_item()", "dynamodb:PutItem"),
    (".update_item()", "dynamodb:UpdateItem"),
    (".delete_item()", "dynamodb:DeleteItem"),
    (".batch_write_item()", "dynamodb:BatchWriteItem"),
    (".condition_check(", "dynamodb:ConditionCheckItem"),
];

/// The same for objects.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html>
pub(super) const OBJECT_CALLS: [(&str, &str); 10] = [
    ("put_object", "s3:PutObject"),
    ("create_multipart_upload", "s3:PutObject"),
    ("upload_part", "s3:PutObject"),
    ("complete_multipart_upload", "s3:PutObject"),
    ("abort_multipart_upload", "s3:AbortMultipartUpload"),
    ("get_object", "s3:GetObject"),
    ("head_object", "s3:GetObject"),
    ("delete_object", "s3:DeleteObject"),
    ("list_objects_v2", "s3:ListBucket"),
    ("list_parts", "s3:ListMultipartUploadParts"),
];

/// One statement of a role.
pub(super) struct Statement(&'static Value);

impl Statement {
    pub(super) fn actions(&self) -> BTreeSet<String> {
        let actions = &self.0["Action"];
        let mapped = actions["Fn::FindInMap"]
            .as_array()
            .map(|path| &template()["Mappings"][text(&path[0])][text(&path[1])][text(&path[2])]);
        list(mapped.unwrap_or(actions))
            .into_iter()
            .map(text)
            .collect()
    }

    fn sid(&self) -> &'static str {
        self.0["Sid"].as_str().unwrap()
    }

    fn resources(&self) -> Vec<&'static Value> {
        list(&self.0["Resource"])
    }
}

/// Those of a condition of the template among them.
pub(super) fn statements(function: &str) -> Vec<Statement> {
    let policies = list(&resource(&format!("{}Role", capital(function)))["Policies"]);
    assert_eq!(policies.len(), 1, "{function}");
    let parts = list(&policies[0]["PolicyDocument"]["Statement"]).into_iter();
    parts
        .map(|part| {
            Statement(if part["Fn::If"].is_array() {
                &part["Fn::If"][1]
            } else {
                part
            })
        })
        .collect()
}

/// The names of what a role may do this with.
pub(super) fn allowed(function: &str, action: &str) -> BTreeSet<String> {
    let allowing = statements(function)
        .into_iter()
        .filter(|statement| statement.actions().contains(action));
    let names = allowing
        .flat_map(|statement| statement.resources())
        .map(|it| named(it).map_or_else(|| text(&it["Fn::Sub"]), str::to_owned));
    names.collect()
}

#[test]
fn each_function_has_a_role_of_its_own_that_lambda_alone_takes_on() {
    let roles = resources("AWS::IAM::Role").into_iter();
    let roles: BTreeSet<&str> = roles.map(|(name, _)| name).collect();
    let of_functions = FUNCTIONS.map(|name| format!("{}Role", capital(name)));
    let of_functions: BTreeSet<&str> = of_functions.iter().map(String::as_str).collect();
    let others: Vec<_> = roles.difference(&of_functions).collect();
    assert_eq!(others, [&"BackupRole", &"RestoreRole"]);
    for name in FUNCTIONS {
        let role = resource(&format!("{}Role", capital(name)));
        let trust = json!([{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }]);
        assert_eq!(
            role["AssumeRolePolicyDocument"]["Statement"], trust,
            "{name}"
        );
        assert!(role.get("ManagedPolicyArns").is_none(), "{name}");
        assert!(
            statements(name)
                .iter()
                .all(|statement| statement.0["Effect"] == "Allow"),
            "{name}"
        );
    }
}

#[test]
fn no_action_is_a_pattern_and_no_resource_without_a_reason() {
    for name in FUNCTIONS {
        for statement in statements(name) {
            let (sid, actions) = (statement.sid(), statement.actions());
            assert!(
                actions.iter().all(|action| !action.contains('*')),
                "{name} {sid}: {actions:?}"
            );
            for it in statement.resources() {
                let is_pattern = it.to_string().contains(['*', '?'])
                    || named(it).is_some_and(|name| name.ends_with("Pattern"));
                let has_reason = PATTERNS.iter().any(|(allowed, _)| *allowed == sid);
                assert!(
                    (it != "*" || sid == "Trace") && (!is_pattern || has_reason),
                    "{name} {sid}: {it}"
                );
            }
        }
    }
}

#[test]
fn each_function_logs_to_its_own_group_and_only_who_opens_inputs_calls_the_table_of_keys() {
    for name in FUNCTIONS {
        let logs = BTreeSet::from([format!("{}Logs", capital(name))]);
        assert_eq!(allowed(name, "logs:PutLogEvents"), logs);
        assert_eq!(
            named(&function(name)["LoggingConfig"]["LogGroup"]),
            logs.first().map(String::as_str)
        );
        for action in allowed_actions(name)
            .iter()
            .filter(|action| action.starts_with("dynamodb:"))
        {
            let mut tables = allowed(name, action);
            tables.remove("KeysTable");
            assert_eq!(
                tables,
                BTreeSet::from(["Table".to_owned()]),
                "{name} {action}"
            );
        }
        let opens = !["receiver", "archiver"].contains(&name);
        let reads_keys = allowed(name, "dynamodb:GetItem").contains("KeysTable");
        assert_eq!(reads_keys, opens, "{name}");
    }
}

/// Which of these each function calls is asserted where functions run; this is that none is allowed
/// for nothing.
#[test]
fn what_the_roles_together_may_do_with_the_table_is_what_the_adapter_calls() {
    let code = sources("shared/aws/src/dynamodb");

    let called = TABLE_CALLS
        .iter()
        .filter(|(call, _)| code.contains(call))
        .map(|(_, action)| (*action).to_owned());
    let roles = FUNCTIONS
        .into_iter()
        .flat_map(allowed_actions)
        .filter(|action| action.starts_with("dynamodb:"));

    assert_eq!(roles.collect::<BTreeSet<_>>(), called.collect());
}

#[test]
fn a_function_reads_the_secrets_that_it_is_told_of() {
    for name in FUNCTIONS {
        let told = given(name, |variable| variable.ends_with("_SECRET"));

        let read = allowed(name, "secretsmanager:GetSecretValue");

        let names: BTreeSet<String> = read.iter().map(|arn| secret_name(arn)).collect();
        assert_eq!(names, told, "{name}");
    }
    assert_eq!(
        readers("ProviderKeySecretName"),
        ["gateway", "poller", "admin"]
    );
    assert_eq!(readers("WebhookSecretName"), ["receiver"]);
    assert_eq!(readers("OriginSecretName"), ["gateway"]);
    assert_eq!(
        readers("CapabilitySecret"),
        ["gateway", "receiver", "poller", "notifier", "admin"]
    );
    assert_eq!(
        readers("EncryptionKeys"),
        ["gateway", "archiver", "notifier", "admin"]
    );
    assert_eq!(readers("ApiKeySigning"), ["gateway", "admin"]);
}

#[test]
fn the_admin_alone_writes_secrets_the_keys_that_it_rotates() {
    for name in FUNCTIONS {
        let written = allowed(name, "secretsmanager:PutSecretValue");
        let made = allowed(name, "kms:GenerateDataKey");

        let expected = match name {
            "admin" => (
                vec!["ApiKeySigning", "CapabilitySecret", "EncryptionKeys"],
                vec!["EncryptionKmsKeyArn"],
            ),
            _ => (vec![], vec![]),
        };
        assert_eq!(
            (
                written.iter().map(String::as_str).collect(),
                made.iter().map(String::as_str).collect()
            ),
            expected,
            "{name}"
        );
    }
}

#[test]
fn tenants_buckets_are_for_the_gateway_and_the_archiver_alone_and_the_admin_may_only_probe_their_roles()
 {
    for name in FUNCTIONS {
        let services: BTreeSet<String> = allowed_actions(name)
            .iter()
            .map(|action| action.split_once(':').unwrap().0.to_owned())
            .collect();
        let known = [
            "logs",
            "dynamodb",
            "sqs",
            "secretsmanager",
            "kms",
            "sts",
            "s3",
            "xray",
        ];
        assert!(
            services
                .iter()
                .all(|service| known.contains(&service.as_str())),
            "{name}: {services:?}"
        );

        let reaches_tenants = matches!(name, "gateway" | "archiver");
        let assumes_roles = reaches_tenants || name == "admin";
        let writes_objects = reaches_tenants || name == "sweeper";
        assert_eq!(
            [services.contains("sts"), services.contains("s3")],
            [assumes_roles, writes_objects],
            "{name}"
        );
        if assumes_roles {
            assert_eq!(
                allowed(name, "sts:AssumeRole"),
                BTreeSet::from(["TenantRolePattern".to_owned()])
            );
        }
        if reaches_tenants {
            let own = statements(name)
                .into_iter()
                .find(|statement| statement.sid() == "OwnBuckets")
                .unwrap();
            assert_eq!(
                own.0["Condition"],
                json!({ "StringEquals": { "s3:ResourceAccount": { "Ref": "AWS::AccountId" } } })
            );
        }
    }
    let objects = |name| {
        allowed_actions(name)
            .into_iter()
            .filter(|action| action.starts_with("s3:"))
            .collect::<Vec<_>>()
    };
    assert_eq!(objects("gateway"), ["s3:GetObject"]);
    assert_eq!(
        objects("archiver"),
        ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    );
}

/// The billing system reads the objects; the sweeper cannot.
#[test]
fn the_sweeper_puts_usage_into_its_bucket_under_its_prefix_and_does_nothing_else_with_it() {
    let export = statements("sweeper")
        .into_iter()
        .find(|statement| statement.sid() == "UsageExport")
        .unwrap();

    assert_eq!(
        export.actions(),
        BTreeSet::from(["s3:PutObject".to_owned()])
    );
    let objects = "arn:${AWS::Partition}:s3:::${UsageExportBucket}/${UsageExportPrefix}/*";
    assert_eq!(export.resources(), [&json!({ "Fn::Sub": objects })]);
    assert_eq!(
        export.0["Condition"],
        json!({ "StringEquals": { "s3:ResourceAccount": { "Ref": "AWS::AccountId" } } })
    );
    let all = allowed_actions("sweeper")
        .into_iter()
        .filter(|action| action.starts_with("s3:"));
    assert_eq!(all.collect::<Vec<_>>(), ["s3:PutObject"]);
    let told = given("sweeper", |variable| {
        variable.starts_with("FLUXGATE_USAGE_EXPORT_")
    });
    assert_eq!(
        told,
        ["UsageExportBucket", "UsageExportPrefix"]
            .map(str::to_owned)
            .into()
    );
}

/// The resources and parameters that a function's environment names.
pub(super) fn given(name: &str, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let variables = function(name)["Environment"]["Variables"]
        .as_object()
        .unwrap()
        .iter();
    variables
        .filter(|(variable, _)| wanted(variable))
        .map(|(_, value)| named(value).unwrap().to_owned())
        .collect()
}

/// The resource or parameter in an ARN such as `arn:…:secret:${Name}-??????`.
fn secret_name(arn: &str) -> String {
    let name = arn
        .rsplit_once("secret:${")
        .and_then(|(_, rest)| rest.strip_suffix("}-??????"));
    name.unwrap_or(arn).to_owned()
}

fn readers(secret: &str) -> Vec<&'static str> {
    let reads = |name: &&str| {
        allowed(name, "secretsmanager:GetSecretValue")
            .iter()
            .any(|arn| secret_name(arn) == secret)
    };
    FUNCTIONS.into_iter().filter(reads).collect()
}
