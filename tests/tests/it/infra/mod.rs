//! The template against the code: what one says of the other is asserted here, so that neither
//! changes alone.

mod brakes;
mod deployment;
mod documented;
mod emitted;
mod environment;
mod front;
mod functions;
mod machine;
mod observed;
mod parameters;
mod partitions;
mod queues;
mod roles;
mod runbooks;
mod samconfig;
mod table;
mod tenant_bucket;
mod walkthrough;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Map, Value};

const FUNCTIONS: [&str; 7] = [
    "gateway", "receiver", "poller", "archiver", "notifier", "sweeper", "admin",
];

/// Every action that a function's role allows on anything, as in an IAM policy. What is allowed
/// only under a condition of the template, as writing buckets of the installation's own, is among
/// them.
pub(crate) fn allowed_actions(function: &str) -> BTreeSet<String> {
    roles::statements(function)
        .iter()
        .flat_map(roles::Statement::actions)
        .collect()
}

/// The template as CloudFormation sees it, with numbers in place of the parameters that are
/// numbers.
fn template() -> &'static Value {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let script = root().join("infra/transform.py");
        python(&[script.to_str().unwrap(), "--resolve-numbers"])
    })
}

/// The parameters as they are written, numbers among them.
fn parameters() -> Map<String, Value> {
    written("infra/template.yaml")["Parameters"]
        .as_object()
        .unwrap()
        .clone()
}

/// A template that is CloudFormation already, or the parts of one that are.
fn written(path: &str) -> Value {
    let script = "import json, sys; from samtranslator.yaml_helper import yaml_parse; \
        json.dump(yaml_parse(open(sys.argv[1]).read()), sys.stdout, default=str)";
    python(&["-c", script, root().join(path).to_str().unwrap()])
}

fn python(arguments: &[&str]) -> Value {
    let python = fluxgate_tests::process::python();
    let output = Command::new(python).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All sources of a folder as one text.
fn sources(folder: &str) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let inside = path.strip_prefix(root()).unwrap().to_str().unwrap();
        if path.is_dir() {
            text += &sources(inside);
        } else if inside.ends_with(".rs") {
            text += &read(inside);
        }
    }
    text
}

fn resource(name: &str) -> &'static Value {
    let found = &template()["Resources"][name];
    assert!(found.is_object(), "the template has no resource '{name}'");
    &found["Properties"]
}

/// The resources of one type with their names.
fn resources(kind: &str) -> Vec<(&'static str, &'static Value)> {
    let all = template()["Resources"].as_object().unwrap().iter();
    let found: Vec<_> = all
        .filter(|(_, it)| it["Type"] == kind)
        .map(|(name, it)| (name.as_str(), &it["Properties"]))
        .collect();
    assert!(!found.is_empty(), "the template has no {kind}");
    found
}

/// A function's properties; its resource is named as its folder, with a capital.
fn function(name: &str) -> &'static Value {
    resource(&capital(name))
}

fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

/// The resource or parameter that a `Ref` or a `GetAtt` names; of a choice the one that comes
/// first, of an alias its function.
fn named(reference: &Value) -> Option<&str> {
    let found = named_as_written(reference)?;
    Some(found.strip_suffix("Aliaslive").unwrap_or(found))
}

fn named_as_written(reference: &Value) -> Option<&str> {
    let chosen = &reference["Fn::If"][1];
    if !chosen.is_null() {
        return named_as_written(chosen);
    }
    let split = &reference["Fn::Split"][1];
    if !split.is_null() {
        return named_as_written(split);
    }
    let attribute = &reference["Fn::GetAtt"];
    reference["Ref"]
        .as_str()
        .or_else(|| attribute[0].as_str())
        .or_else(|| attribute.as_str()?.split('.').next())
}

/// One value or a list of them, as a list.
fn list(value: &Value) -> Vec<&Value> {
    value
        .as_array()
        .map_or_else(|| vec![value], |values| values.iter().collect())
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("not a number: {value}"))
}
