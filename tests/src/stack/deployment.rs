//! The template as ministack deploys it, and its functions as processes.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use fluxgate_emulator::Emulator;
use serde::Deserialize;
use serde_json::Value;

use crate::Ministack;
use crate::aws_calls::{AwsCalls, Policy, UnderKey, log_stream_of};
use crate::lambda::Function;
use crate::stack::StackOptions;

#[derive(Default, Deserialize)]
pub(super) struct Deployed {
    pub(super) functions: BTreeMap<String, DeployedFunction>,
}

impl Deployed {
    /// The first deployment's script took the mappings of queues away, and an update makes none
    /// anew.
    pub(super) fn after(mut self, mut before: Self) -> Self {
        for (name, function) in &mut self.functions {
            if let Some(before) = before.functions.remove(name) {
                function.queues = before.queues;
            }
        }
        self
    }
}

#[derive(Deserialize)]
pub(super) struct DeployedFunction {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) timeout_s: u64,
    pub(super) memory_mb: u64,
    pub(super) queues: Vec<DeployedSource>,
    /// The documents of its role's policies.
    pub(super) policies: Vec<Value>,
    pub(super) log_group: String,
}

#[derive(Clone, Deserialize)]
pub(super) struct DeployedSource {
    pub(super) arn: String,
    pub(super) batch_size: usize,
    pub(super) window_s: u64,
    pub(super) responses: Vec<String>,
}

pub(super) async fn put_secrets(ministack: &Ministack, emulator: &Emulator) {
    let secrets = ministack.aws().secretsmanager();
    for (name, value) in [
        ("fluxgate/upstream-key", emulator.api_key()),
        ("fluxgate/webhook-secret", emulator.webhook_secret()),
    ] {
        secrets
            .create_secret()
            .name(name)
            .secret_string(value)
            .send()
            .await
            .expect("the secret is new");
    }
}

pub(super) async fn deploy(ministack: &Ministack, parameters: &[(&str, String)]) -> Deployed {
    let python = crate::process::python();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy_stack.py");
    let mut command = Command::new(python);
    command.arg(script).arg(ministack.endpoint());
    command.args(
        parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// The record of the functions' calls, with what their roles allow. Lambda writes logs in the
/// function's role.
pub(super) fn calls_of(
    ministack: &Ministack,
    deployed: &Deployed,
    kms_key: Option<&str>,
) -> AwsCalls {
    let under_key = kms_key.map(|key| UnderKey {
        secret: deployed.functions["admin"].environment["FLUXGATE_ENCRYPTION_SECRET"].clone(),
        key: key.to_owned(),
    });
    let calls = AwsCalls::under_key(ministack.endpoint(), under_key);
    for (name, function) in &deployed.functions {
        calls.allow(name, Policy::of(&function.policies));
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            let logs = log_stream_of(&function.log_group);
            let allowed = calls.by_platform(name, action, &logs);
            allowed.unwrap_or_else(|lacking| panic!("{name} cannot log: {lacking:?}"));
        }
    }
    calls
}

pub(super) async fn start_functions(
    deployed: &Deployed,
    calls: &AwsCalls,
    options: &StackOptions,
) -> BTreeMap<String, Function> {
    let mut functions = BTreeMap::new();
    for (name, function) in &deployed.functions {
        let mut environment = function.environment.clone();
        environment.insert(
            "AWS_ENDPOINT_URL".to_owned(),
            calls.endpoint_for(name).await,
        );
        environment.extend(options.environment.clone());
        let timeout_s = options.timeout_s.get(name.as_str());
        let timeout = Duration::from_secs(*timeout_s.unwrap_or(&function.timeout_s));
        let concurrency = if matches!(name.as_str(), "gateway" | "receiver") {
            2
        } else {
            1
        };
        functions.insert(
            name.clone(),
            Function::start(name, environment, timeout, concurrency).await,
        );
    }
    functions
}
