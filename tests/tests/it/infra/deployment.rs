//! How a new version of a function comes to be called, and how it is taken back.

use std::collections::BTreeSet;
use std::process::Command;

use fluxgate_tests::{Ministack, process};
use serde_json::{Value, json};

use super::{
    FUNCTIONS, capital, function, list, parameters, python, resource, resources, root, template,
    text, written,
};

const ALIAS: &str = "live";
const CANARY: &str = "Canary10Percent5Minutes";

fn with(parameter: &str) -> Value {
    let script = root().join("infra/transform.py");
    let script = script.to_str().unwrap();
    python(&[script, "--resolve-numbers", "--parameter", parameter])
}

fn alias(name: &str) -> String {
    format!("{}Alias{ALIAS}", capital(name))
}

/// Each way in, as the property that names whom it calls.
const WAYS_IN: [(&str, &str); 5] = [
    ("AWS::Lambda::Url", "TargetFunctionArn"),
    ("AWS::Lambda::EventSourceMapping", "FunctionName"),
    ("AWS::Lambda::Permission", "FunctionName"),
    ("AWS::ApiGatewayV2::Integration", "IntegrationUri"),
    ("AWS::Events::Rule", "Targets"),
];

#[test]
fn whoever_calls_a_function_calls_its_alias() {
    let aliases: BTreeSet<String> = FUNCTIONS.map(alias).into();
    let mut called = BTreeSet::new();
    for (kind, property) in WAYS_IN {
        for (name, it) in resources(kind) {
            let target = &it[property];
            let target = target.get(0).map_or(target, |first| &first["Arn"]);
            let target = text(&target["Ref"]);
            assert!(aliases.contains(&target), "{name} calls {target}");
            called.insert(target);
        }
    }
    assert_eq!(called, aliases);
    for name in FUNCTIONS {
        let alias = resource(&alias(name));
        assert_eq!(alias["Name"], ALIAS, "{name}");
    }
    let asynchronous = resource("SweeperEventInvokeConfig");
    assert_eq!(asynchronous["Qualifier"], ALIAS);
    let operators = &template()["Outputs"]["AdminFunctionArn"]["Value"];
    assert_eq!(operators["Ref"], alias("admin"));
}

/// The parameters that a part of the template depends on, also by its conditions.
fn used(node: &Value, conditions: &Value, into: &mut BTreeSet<String>) {
    match node {
        Value::Array(parts) => parts.iter().for_each(|it| used(it, conditions, into)),
        Value::Object(parts) => {
            for (name, it) in parts {
                match (name.as_str(), it) {
                    ("Ref" | "Condition", Value::String(named)) => {
                        into.insert(named.clone());
                        used(&conditions[named.as_str()], conditions, into);
                    }
                    ("Fn::Sub", text) => {
                        let text = text.as_str().or_else(|| text[0].as_str()).unwrap();
                        let names = text.split("${").skip(1);
                        into.extend(names.filter_map(|it| Some(it.split_once('}')?.0.to_owned())));
                    }
                    ("Fn::If", it) => {
                        used(&conditions[it[0].as_str().unwrap()], conditions, into);
                    }
                    _ => {}
                }
                used(it, conditions, into);
            }
        }
        _ => {}
    }
}

/// SAM does not see that a parameter has another value.
/// <https://github.com/aws/serverless-application-model/issues/3820>
#[test]
fn every_parameter_that_a_function_is_made_of_makes_new_settings_and_these_a_new_version() {
    let template = written("infra/template.yaml");
    let mut needed = BTreeSet::new();
    used(&template["Globals"], &template["Conditions"], &mut needed);
    for (_, it) in template["Resources"].as_object().unwrap() {
        if it["Type"] == "AWS::Serverless::Function" {
            let mut properties = it["Properties"].clone();
            // Who calls it, how often at once, and how it goes over are no part of a version.
            let others = [
                "Events",
                "ReservedConcurrentExecutions",
                "DeploymentPreference",
                "Role",
            ];
            for other in others {
                properties.as_object_mut().unwrap().remove(other);
            }
            used(&properties, &template["Conditions"], &mut needed);
        }
    }
    let parameters = parameters();
    needed.retain(|name| parameters.contains_key(name));
    // Only CodeDeploy has it.
    needed.remove("Deployment");
    // Nothing else has it: it is there to make another version.
    needed.insert("Restart".to_owned());
    let content = text(&resource("SettingsVersion")["Content"]["Fn::Sub"]);
    for name in &needed {
        let line = format!("{name}=${{{name}}}");
        assert!(
            content.lines().any(|it| it == line),
            "the content of SettingsVersion needs the line {line}"
        );
    }
    assert_eq!(content.lines().count(), needed.len(), "{content}");

    for name in FUNCTIONS {
        let described = text(&function(name)["Description"]["Fn::Sub"]);
        assert!(described.ends_with("${SettingsVersion}"), "{name}");
        let versions = resources("AWS::Lambda::Version").into_iter();
        let own = |it: &&Value| it["FunctionName"]["Ref"] == capital(name);
        let version = versions.map(|(_, it)| it).find(own).unwrap();
        assert_eq!(
            version["Description"]["Fn::Sub"],
            "settings ${SettingsVersion}"
        );
    }
}

#[test]
fn at_once_needs_no_codedeploy_and_a_canary_is_watched_by_alarms_of_the_new_version() {
    let kinds = |template: &Value| {
        let all = template["Resources"].as_object().unwrap().values();
        all.map(|it| text(&it["Type"])).collect::<BTreeSet<_>>()
    };
    let is_codedeploy = |kind: &String| kind.starts_with("AWS::CodeDeploy");
    assert!(!kinds(template()).iter().any(is_codedeploy));

    let canary = with(&format!("Deployment={CANARY}"));
    let (gradual, at_once): (Vec<_>, Vec<_>) =
        FUNCTIONS.into_iter().partition(|name| *name != "sweeper");
    for name in at_once {
        // A part of one sweep in a quarter of an hour tells an alarm nothing.
        assert!(canary["Resources"][alias(name)]["UpdatePolicy"].is_null());
    }
    for name in gradual.into_iter().map(capital) {
        let all = &canary["Resources"];
        let policy = &all[format!("{name}Alias{ALIAS}")]["UpdatePolicy"];
        let group = &policy["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"];
        assert_eq!(*group, format!("{name}DeploymentGroup"));
        let group = &all[group.as_str().unwrap()]["Properties"];
        let how = &group["DeploymentConfigName"]["Fn::Sub"][1]["ConfigName"];
        assert_eq!(how, CANARY);
        let alarms = &group["AlarmConfiguration"]["Fn::If"];
        assert_eq!(alarms[0], "DeploysGradually");
        let alarms = list(&alarms[1]["Alarms"]);
        let names: Vec<String> = alarms.iter().map(|it| text(&it["Name"]["Ref"])).collect();
        let front = ["Gateway", "Receiver"].contains(&name.as_str());
        let server_errors = front.then(|| format!("{name}RollbackServerErrorsAlarm"));
        let expected = [format!("{name}RollbackAlarm")].into_iter();
        assert_eq!(names, expected.chain(server_errors).collect::<Vec<_>>());
        for alarm in names {
            assert_eq!(all[&alarm]["Condition"], "DeploysGradually");
        }
        let alarm = all[format!("{name}RollbackAlarm")].to_string();
        let version = format!("[\"{name}Version");
        assert!(alarm.contains(&version) && alarm.contains("ExecutedVersion"));
    }
}

#[test]
fn every_way_to_deploy_is_known_to_the_mapping_that_sam_resolves() {
    let template = written("infra/template.yaml");
    let known = template["Mappings"]["Deployments"].as_object().unwrap();

    let parameters = parameters();
    let allowed = list(&parameters["Deployment"]["AllowedValues"]).into_iter();
    let allowed: BTreeSet<String> = allowed.map(text).collect();

    assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), allowed);
    for (name, it) in known {
        let is_gradual = if name == "AllAtOnce" { "false" } else { "true" };
        assert_eq!(it["IsGradual"], is_gradual, "{name}");
    }
}

fn deployed(ministack: &Ministack, parameters: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy_stack.py");
    let mut command = Command::new(process::python());
    command.arg(script).arg(ministack.endpoint());
    let output = command.args(parameters).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `live` is made of, after each deployment.
#[tokio::test(flavor = "multi_thread")]
async fn another_value_of_a_parameter_reaches_the_alias_and_an_adopted_table_leaves_the_old_one() {
    let ministack = Ministack::start().await;
    let variable = |deployed: &Value, name: &str| {
        let variables = &deployed["functions"]["poller"]["environment"];
        text(&variables[name])
    };

    let first = deployed(&ministack, &[]);
    let louder = deployed(&ministack, &["LogFilter=debug"]);
    let front = deployed(&ministack, &["HttpFront=HttpApi"]);
    let adopted = deployed(&ministack, &["ExistingTableName=restored"]);

    let own = variable(&first, "FLUXGATE_TABLE");
    assert_eq!(variable(&first, "FLUXGATE_LOG"), "info");
    assert_eq!(variable(&louder, "FLUXGATE_LOG"), "debug");
    let public = variable(&front, "FLUXGATE_PUBLIC_URL");
    assert!(public.contains(".execute-api."), "{public}");
    assert_eq!(variable(&adopted, "FLUXGATE_TABLE"), "restored");
    assert_eq!(variable(&adopted, "FLUXGATE_TABLE_ADOPTED"), "yes");
    let policies = adopted["functions"]["poller"]["policies"].to_string();
    assert!(policies.contains(":table/restored\"") && !policies.contains(&own));
    let tables = ministack.aws().dynamodb().list_tables().send().await;
    let mut own = [own, variable(&first, "FLUXGATE_KEYS_TABLE")];
    own.sort();
    assert_eq!(tables.unwrap().table_names(), own);
    assert_eq!(adopted["functions"]["poller"]["queues"], json!([]));
}
