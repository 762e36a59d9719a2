//! The functions: which there are, how they are started, and how long they may take.

use std::collections::BTreeSet;

use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::webhook::CapabilityKey;
use fluxgate_lambda::wiring::SYNC_WAIT_MAX_MS;

use super::{
    FUNCTIONS, capital, function, named, number, parameters, read, resource, resources, root, text,
};

const MIB: u64 = 1024 * 1024;

#[test]
fn each_package_under_functions_but_local_is_deployed_from_its_own_folder() {
    let entries = std::fs::read_dir(root().join("functions")).unwrap();
    let folders: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let deployed = resources("AWS::Lambda::Function");

    assert_eq!(
        folders,
        FUNCTIONS
            .into_iter()
            .chain(["local"])
            .map(str::to_owned)
            .collect()
    );
    let names: BTreeSet<&str> = deployed.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        FUNCTIONS.map(capital).iter().map(String::as_str).collect()
    );
    for name in FUNCTIONS {
        let properties = function(name);
        assert!(
            read(&format!("functions/{name}/Cargo.toml")).contains(&format!("name = \"{name}\"\n")),
            "{name}"
        );
        assert_eq!(properties["Code"]["S3Key"], format!("fluxgate/{name}.zip"));
        assert_eq!(
            properties["FunctionName"]["Fn::Sub"],
            format!("${{AWS::StackName}}-{name}")
        );
        assert_eq!(
            named(&properties["Role"]),
            Some(format!("{}Role", capital(name)).as_str())
        );
        assert_eq!(
            (&properties["Runtime"], &properties["Handler"]),
            (&"provided.al2023".into(), &"bootstrap".into())
        );
    }
}

#[test]
fn each_function_may_take_as_long_as_what_it_waits_for() {
    let bounds = Bounds::default();
    let timeout_ms = |name| number(&function(name)["Timeout"]) * 1_000;

    assert!(timeout_ms("gateway") >= bounds.submit_timeout_ms + SYNC_WAIT_MAX_MS);
    assert!(timeout_ms("poller") > bounds.submit_timeout_ms + bounds.provider_timeout_ms);
    assert!(timeout_ms("archiver") > bounds.output_timeout_ms);
    assert!(timeout_ms("notifier") > bounds.relay.timeout_ms);
}

/// Messages of a batch are worked on at once, the outputs of a task one after the other.
#[test]
fn the_archiver_has_room_for_a_batch_of_the_largest_outputs() {
    let storage = number(&function("archiver")["EphemeralStorage"]["Size"]) * MIB;
    let batch = number(&resource("ArchiverArchive")["BatchSize"]);

    assert!(storage > batch * Bounds::default().output_bytes_max);
}

#[test]
fn what_provider_calls_reaches_the_receiver_and_all_else_the_gateway() {
    let key = CapabilityKey::new([7; 32]);
    let path = key.hook_path(
        &TenantId::parse("acme").unwrap(),
        &TaskId::parse(&"a".repeat(32)).unwrap(),
    );
    let route = text(&resource("ReceiverRoute")["RouteKey"]);

    let prefix = route
        .strip_prefix("POST ")
        .and_then(|path| path.strip_suffix("{proxy+}"))
        .unwrap();
    assert!(path.starts_with(prefix), "{path}");
    assert!(
        read("shared/edge/src/router.rs")
            .contains(&format!("\"{prefix}{{tenant}}/{{task}}/{{token}}\", post("))
    );
    assert_eq!(resource("GatewayRoute")["RouteKey"], "$default");
    for name in ["Gateway", "Receiver"] {
        let integration = resource(&format!("{name}Integration"));
        assert_eq!(named(&integration["IntegrationUri"]), Some(name));
        assert_eq!(integration["PayloadFormatVersion"], "2.0");
        let target = text(&resource(&format!("{name}Route"))["Target"]["Fn::Sub"]);
        assert_eq!(target, format!("integrations/${{{name}Integration}}"));
    }
}

#[test]
fn only_the_admin_asks_its_callers_for_iam() {
    let urls = resources("AWS::Lambda::Url");
    let auth = |name: &str| {
        let (_, url) = urls
            .iter()
            .find(|(_, url)| named(&url["TargetFunctionArn"]) == Some(name))
            .unwrap();
        text(&url["AuthType"])
    };

    assert_eq!(urls.len(), 3);
    assert_eq!(
        [auth("Gateway"), auth("Receiver"), auth("Admin")],
        ["NONE", "NONE", "AWS_IAM"]
    );
    for (permission, properties) in resources("AWS::Lambda::Permission") {
        assert!(
            named(&properties["FunctionName"]) != Some("Admin"),
            "{permission} lets others call the admin"
        );
    }
    assert_eq!(parameters()["HttpFront"]["Default"], "FunctionUrl");
}
