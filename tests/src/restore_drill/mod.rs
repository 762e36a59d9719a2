//! The drill of a restore on an emulated AWS: a backup in the middle of a burst, of a batch and of
//! a callback, edits that it does not have, the table deleted, its backup restored under another
//! name, adopted and seen to.

mod under_way;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_dynamodb::types::{PointInTimeRecoverySpecification, TimeToLiveSpecification};
use fluxgate_aws::dynamodb::EXPIRES_AT;
use fluxgate_emulator::EmulatorConfig;
use reqwest::Method;
use serde_json::{Value, json};

use self::under_way::{LINES, UnderWay};
use crate::gateway::emulator_config;
use crate::tenant::MODEL;
use crate::{Stack, StackOptions, TestTenant};

const RESTORED: &str = "fluxgate-restored";
/// Tasks that are over at the backup, that are open, and that came after it.
const ENDED: usize = 3;
const OPEN: usize = 6;
const LOST: usize = 3;
/// So few runs at once that most open tasks are not sent when the backup is made.
const AT_ONCE: usize = 2;
const PRICE_USD: f64 = 0.08;
const BALANCE_USD: f64 = 10.0;
const RESTORATION: &str = "/admin/v1/restoration";

/// One thing that was looked at.
#[derive(Debug)]
pub struct Check {
    pub what: &'static str,
    pub wanted: String,
    pub found: String,
}

impl Check {
    pub fn is_right(&self) -> bool {
        self.wanted == self.found
    }
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add<T: Debug>(&mut self, what: &'static str, found: T, wanted: T) {
        self.0.push(Check {
            what,
            wanted: format!("{wanted:?}"),
            found: format!("{found:?}"),
        });
    }
}

/// An installation with a backup that is not its newest state.
struct Before {
    stack: Stack,
    tenant: TestTenant,
    inputs: Value,
    ended: Vec<String>,
    open: Vec<String>,
    under_way: UnderWay,
    /// The path of a link to an output.
    link: String,
    backup: String,
}

/// Runs the drill. Panics where it cannot go on.
pub async fn restore_drill() -> Vec<Check> {
    let mut checks = Checks::default();
    let before = Box::pin(before()).await;
    restore(&before).await;
    let runs = before.stack.emulator.runs().len();
    let Before { stack, tenant, .. } = before;
    let stack = Box::pin(stack.deployed_again(options(Some(RESTORED)))).await;
    let tenant = TestTenant::new(tenant.id, stack.gateway_url(), tenant.token);
    let under_way = before.under_way.on(&stack);
    let after = After {
        stack,
        tenant,
        inputs: before.inputs,
        under_way,
        runs,
    };
    after
        .awaits(&before.ended[0], &before.link, &mut checks)
        .await;
    after.restoration(&mut checks).await;
    after.goes_on(&before.open, &mut checks).await;
    after.under_way.check(&mut checks).await;
    after.books(&mut checks).await;
    after.table(&mut checks).await;
    checks.0
}

fn options(table: Option<&str>) -> StackOptions {
    let adopted = table.map(|name| ("ExistingTableName", name.to_owned()));
    let at_once = ("ProviderConcurrency", AT_ONCE.to_string());
    StackOptions {
        emulator: EmulatorConfig {
            run_time: Duration::from_secs(2),
            ..emulator_config()
        },
        parameters: [Some(at_once), adopted].into_iter().flatten().collect(),
        ..StackOptions::default()
    }
}

/// Submits tasks that can be told apart at the provider.
async fn submit(tenant: &TestTenant, inputs: &Value, name: &str, count: usize) -> Vec<String> {
    let mut tasks = Vec::new();
    for number in 0..count {
        tasks.push(tenant.submit(&prompted(inputs, name, number)).await);
    }
    tasks
}

fn prompted(inputs: &Value, name: &str, number: usize) -> Value {
    let mut inputs = inputs.clone();
    inputs["prompt"] = format!("{name} {number}").into();
    inputs
}

/// How many runs the provider has of each prompt that begins so.
fn runs_of(stack: &Stack, name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for run in stack.emulator.runs() {
        let prompt = run.inputs["prompt"].as_str().unwrap_or_default();
        if prompt.starts_with(name) {
            *counts.entry(prompt.to_owned()).or_default() += 1;
        }
    }
    counts
}

async fn all_ended(tenant: &TestTenant, tasks: &[String]) -> Vec<String> {
    let mut states = Vec::new();
    for task in tasks {
        let status = &tenant.ended(task).await["status"];
        states.push(status.as_str().unwrap_or_default().to_owned());
    }
    states.sort();
    states.dedup();
    states
}

async fn before() -> Before {
    let stack = Stack::with(options(None)).await;
    let tenant = stack.tenant("acme", &BALANCE_USD.to_string()).await;
    let inputs = tenant.inputs().await;
    let ended = submit(&tenant, &inputs, "ended", ENDED).await;
    all_ended(&tenant, &ended).await;
    let output = tenant.result(&ended[0]).await["outputs"][0].clone();
    let link = output.as_str().expect("an output has a link");
    let link = link.trim_start_matches(stack.gateway_url()).to_owned();
    let under_way = UnderWay::begin(&stack, &tenant, &inputs).await;
    let open = submit(&tenant, &inputs, "open", OPEN).await;
    let create = stack.ministack.aws().dynamodb().create_backup();
    let create = create.table_name(stack.table()).backup_name("drill");
    let created = create.send().await.expect("the table can be backed up");
    let backup = created.backup_details.expect("a backup has details");
    under_way.is_over().await;
    all_ended(&tenant, &open).await;
    let lost = submit(&tenant, &inputs, "lost", LOST).await;
    all_ended(&tenant, &lost).await;
    Before {
        stack,
        tenant,
        inputs,
        ended,
        open,
        under_way,
        link,
        backup: backup.backup_arn,
    }
}

/// Deletes the table and restores the backup, with the settings that a backup has not.
async fn restore(before: &Before) {
    let dynamodb = before.stack.ministack.aws().dynamodb();
    let table = before.stack.table();
    let unprotect = dynamodb.update_table().table_name(table);
    let unprotected = unprotect.deletion_protection_enabled(false).send().await;
    unprotected.expect("the table can be deleted");
    let deleted = dynamodb.delete_table().table_name(table).send().await;
    deleted.expect("the table is deleted");
    let restore = dynamodb.restore_table_from_backup();
    let restore = restore
        .target_table_name(RESTORED)
        .backup_arn(&before.backup);
    restore.send().await.expect("the backup is restored");
    let expiry = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(EXPIRES_AT);
    let set = dynamodb.update_time_to_live().table_name(RESTORED);
    let set = set.time_to_live_specification(expiry.build().expect("it is whole"));
    set.send().await.expect("time to live is set");
    let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true);
    let set = dynamodb.update_continuous_backups().table_name(RESTORED);
    let set = set.point_in_time_recovery_specification(recovery.build().expect("it is whole"));
    set.send().await.expect("point-in-time recovery is on");
    let protect = dynamodb.update_table().table_name(RESTORED);
    let protected = protect.deletion_protection_enabled(true).send().await;
    protected.expect("the table is protected");
}

/// The installation over the restored table.
struct After {
    stack: Stack,
    tenant: TestTenant,
    inputs: Value,
    under_way: UnderWay,
    /// How many the provider had when the table was restored.
    runs: usize,
}

impl After {
    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.stack.admin_call(Method::GET, path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn awaits(&self, ended: &str, link: &str, checks: &mut Checks) {
        let needed = self.get(RESTORATION).await["needed"] == true;
        checks.add("a restoration is needed", needed, true);
        let refused = self.tenant.submit_with_key(&self.inputs, "early").await;
        let says_why = refused.body.to_string().contains("restoration_needed");
        let refused = (refused.status.as_u16(), says_why);
        checks.add("a submit before it is refused", refused, (503, true));
        let batch = json!({ "lines": [{ "model": MODEL, "input": self.inputs }] });
        let batch = self.tenant.post("/v1/batches", &batch).await;
        checks.add("a batch before it is refused", batch.status.as_u16(), 503);
        let status = &self.tenant.result(ended).await["status"];
        checks.add(
            "a task that was over is read",
            status.as_str().unwrap_or_default(),
            "completed",
        );
        let output = self.tenant.http().get(self.tenant.url(link)).send().await;
        let output = output.expect("the gateway answers").status().as_u16();
        checks.add("a link from before leads to its output", output, 200);
        let swept = self.stack.function("sweeper").invoke(json!({})).await;
        let left = swept.is_ok_and(|swept| swept["awaits_restoration"] == true);
        checks.add("the sweeper leaves the table alone", left, true);
        let runs = self.stack.emulator.runs().len();
        checks.add("runs sent before the restoration", runs - self.runs, 0);
    }

    /// The states of the tasks that were open at the backup.
    async fn open_states(&self) -> Vec<String> {
        let page = self.get("/admin/v1/tasks").await;
        let tasks = page["tasks"].as_array().cloned().unwrap_or_default();
        let states = tasks.iter().map(|task| task["state"].as_str());
        states.flatten().map(str::to_owned).collect()
    }

    async fn restoration(&self, checks: &mut Checks) {
        let open = self.open_states().await;
        let count = |states: &[&str]| {
            let those = open.iter().filter(|state| states.contains(&state.as_str()));
            those.count()
        };
        let unsent = count(&["admitted", "submitting", "unknown"]);
        let both = (count(&["submitted", "archiving"]) > 0, unsent > 0);
        checks.add("tasks with a run, and without one", both, (true, true));
        let (mut in_doubt, mut watched, mut deliveries) = (0, 0, 0);
        let mut path = RESTORATION.to_owned();
        let state = loop {
            let (status, step) = self.stack.admin(&path, &json!({})).await;
            assert_eq!(status, 200, "{step}");
            in_doubt += step["tasks_in_doubt"].as_u64().unwrap_or_default();
            watched += step["watched"].as_u64().unwrap_or_default();
            deliveries += step["deliveries"].as_u64().unwrap_or_default();
            match step["next"].as_str() {
                Some(next) => path = format!("{RESTORATION}?cursor={next}"),
                None => break step["state"].as_str().unwrap_or_default().to_owned(),
            }
        };
        checks.add("the restoration", state.as_str(), "done");
        checks.add("tasks in doubt", in_doubt, unsent as u64);
        checks.add("open tasks watched again", watched, open.len() as u64);
        checks.add("callbacks sent again", deliveries, 1);
        let needed = self.get(RESTORATION).await["needed"] == true;
        checks.add("another restoration is needed", needed, false);
    }

    async fn goes_on(&self, open: &[String], checks: &mut Checks) {
        let states = all_ended(&self.tenant, open).await;
        checks.add("open tasks ended", states, vec!["completed".to_owned()]);
        let new = submit(&self.tenant, &self.inputs, "new", 1).await;
        let states = all_ended(&self.tenant, &new).await;
        checks.add("a new task ended", states, vec!["completed".to_owned()]);
        let runs = runs_of(&self.stack, "");
        let tasks = ENDED + OPEN + LOST + LINES + 2;
        checks.add("tasks and lines with a run", runs.len(), tasks);
        let most = runs.values().max().copied().unwrap_or_default();
        checks.add("runs of one task, at most", most, 1);
    }

    async fn books(&self, checks: &mut Checks) {
        let report = self.get("/admin/v1/reconcile").await;
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut found: Vec<(String, String)> = findings
            .iter()
            .map(|finding| (text(&finding["code"]), text(&finding["run"])))
            .collect();
        let lines = self.under_way.lost_lines().await;
        let lost = self.stack.emulator.runs().into_iter().filter(|run| {
            let prompt = text(&run.inputs["prompt"]);
            prompt.starts_with("lost") || lines.contains(&prompt)
        });
        let mut wanted: Vec<_> = lost.map(|run| ("orphan".to_owned(), run.id)).collect();
        found.sort();
        wanted.sort();
        let orphans = (found.len(), found == wanted);
        let lost = LOST + lines.len();
        checks.add("orphans of lost tasks and lines", orphans, (lost, true));
        for tenant in ["acme", "bolt"] {
            let books = format!("/admin/v1/tenants/{tenant}/account/check");
            let findings = self.get(&books).await["findings"].to_string();
            checks.add("findings of accounts check", findings, "[]".to_owned());
        }
        let spent = PRICE_USD * (ENDED + OPEN + 2) as f64;
        let balance = format!("{:.2}", self.tenant.balance_usd().await);
        checks.add(
            "the tenant's balance",
            balance,
            format!("{:.2}", BALANCE_USD - spent),
        );
        let dead = self.stack.messages("watch-dead-letters").await;
        checks.add("dead letters", dead, 0);
    }

    async fn table(&self, checks: &mut Checks) {
        let dynamodb = self.stack.ministack.aws().dynamodb();
        checks.add("the stack's table", self.stack.table(), RESTORED);
        let described = dynamodb.describe_table().table_name(RESTORED).send().await;
        let described = described.expect("the table is there").table;
        let protected = described.and_then(|table| table.deletion_protection_enabled);
        checks.add("deletion protection", protected, Some(true));
        let described = dynamodb.describe_time_to_live().table_name(RESTORED);
        let described = described.send().await.expect("the table is there");
        let expiry = described.time_to_live_description;
        let expiry = expiry.and_then(|it| it.time_to_live_status);
        let expiry = expiry.map(|status| status.as_str().to_owned());
        checks.add("time to live", expiry.as_deref(), Some("ENABLED"));
        let described = dynamodb.describe_continuous_backups().table_name(RESTORED);
        let described = described.send().await.expect("the table is there");
        let recovery = described.continuous_backups_description;
        let recovery = recovery.and_then(|it| it.point_in_time_recovery_description);
        let recovery = recovery.and_then(|it| it.point_in_time_recovery_status);
        let recovery = recovery.map(|status| status.as_str().to_owned());
        checks.add(
            "point-in-time recovery",
            recovery.as_deref(),
            Some("ENABLED"),
        );
    }
}
