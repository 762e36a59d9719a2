//! The functions: which there are, how they are started, and how long they may take.

use std::collections::BTreeSet;

use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::webhook::CapabilityKeys;
use fluxgate_lambda::batch::ANSWER_TIME;
use fluxgate_lambda::wiring::{SPOOL_RESERVED_MB, SYNC_WAIT_MAX_MS};
use fluxgate_s3::S3Limits;

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

/// What the process itself takes, with its code and its stacks.
const PROCESS_BYTES: u64 = 96 * MIB;
/// Of one copy, besides the output: buffers of its connections and of its file.
const COPY_BYTES: u64 = 2 * MIB;

/// What may be in memory at once, when every message of a batch is a task with many outputs.
fn archiver_bytes_max() -> u64 {
    let (copies, parts) = (Bounds::default().copies, S3Limits::default());
    let batch = number(&resource("ArchiverArchive")["BatchSize"]);
    let at_once = batch * copies.at_once as u64;
    let parts_bytes = parts.parts_at_once as u64 * parts.part_bytes;
    PROCESS_BYTES + copies.memory_bytes_max + parts_bytes + at_once * COPY_BYTES
}

#[test]
fn the_archivers_memory_holds_what_its_bounds_let_in_also_at_its_least() {
    let memory = &parameters()["ArchiverMemoryMb"];
    let (least, default) = (number(&memory["MinValue"]), number(&memory["Default"]));

    let needed_mb = archiver_bytes_max() / MIB;

    assert!(least >= needed_mb && default >= least, "{needed_mb} MB");
    assert!(least < needed_mb + 32, "{needed_mb} MB are needed");
}

#[test]
fn the_archivers_storage_holds_the_largest_output_at_its_least_and_a_batch_of_them_by_default() {
    let largest = Bounds::default().output_bytes_max;
    let storage = &parameters()["ArchiverStorageMb"];
    let room = |size| (number(&storage[size]) - u64::from(SPOOL_RESERVED_MB)) * MIB;
    let batch = number(&resource("ArchiverArchive")["BatchSize"]);

    assert_eq!(room("MinValue"), largest);
    assert!(room("Default") >= batch * largest);
    let variables = &function("archiver")["Environment"]["Variables"];
    assert_eq!(
        variables["FLUXGATE_ARCHIVER_STORAGE_MB"],
        function("archiver")["EphemeralStorage"]["Size"]
    );
}

/// Who has waited for room as long as one may still has time for the largest output.
#[test]
fn the_archiver_has_time_to_wait_to_fetch_and_to_store() {
    let bounds = Bounds::default();
    let timeout_ms = number(&function("archiver")["Timeout"]) * 1_000;

    let needed_ms = bounds.copies.wait_max_ms
        + bounds.output_timeout_ms
        + S3Limits::default().multipart_timeout_ms;

    assert!(needed_ms + ANSWER_TIME.as_millis() as u64 <= timeout_ms);
}

#[test]
fn what_provider_calls_reaches_the_receiver_and_all_else_the_gateway() {
    let key = CapabilityKeys::new([7; 32]);
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
