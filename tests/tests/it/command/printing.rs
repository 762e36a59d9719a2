//! `--json` and `--quiet`: one document, or only what a script needs.

use std::collections::BTreeSet;
use std::process::Output;

use fluxgate_tests::process;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

use super::manual::{commands, help};
use super::{Served, said, served};

/// These have no facts of their own: a script, and a log.
const WITHOUT: [&str; 2] = ["fluxgate-completions", "fluxgate-emulator"];

#[test]
fn every_command_that_tells_facts_takes_json_and_quiet() {
    let mut all = BTreeSet::new();
    commands(&[], &mut all);

    let lacks = |name: &&String| {
        let path: Vec<&str> = name.split(' ').skip(1).collect();
        let help = help(&path);
        let takes = |text: &str| help.contains(text);
        let only_has_commands = takes("\nCommands:\n") && !takes("[TENANT]");
        let takes_both = takes("--json") && takes("--quiet");
        !(only_has_commands || takes_both)
    };
    let lacking: BTreeSet<String> = all
        .iter()
        .filter(lacks)
        .map(|name| name.replace(' ', "-"))
        .collect();

    assert_eq!(lacking, WITHOUT.map(str::to_owned).into());
}

impl Served {
    fn run(&self, args: &[&str], how: &str) -> Output {
        let output = process::run(&[args, &["--data", &self.data, how]].concat());
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        output
    }

    /// The one document on stdout; nothing is on stderr.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args, "--json");
        assert_eq!(said(&output), "", "{args:?}");
        let read = serde_json::from_slice(&output.stdout);
        read.unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
    }

    fn quiet(&self, args: &[&str]) -> String {
        let output = self.run(args, "--quiet");
        assert_eq!(said(&output), "", "{args:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

#[tokio::test]
async fn the_operator_s_commands_tell_facts_to_programs() {
    let served = served().await;
    let added = served.json(&["tenants", "add", "acme", "--balance", "5"]);
    assert_eq!(
        (&added["id"], &added["state"]),
        (&"acme".into(), &"active".into())
    );
    assert_eq!(added["account"]["available_usd"], 5.0);
    assert_eq!(served.quiet(&["tenants", "add", "bolt"]), "bolt");
    assert_eq!(served.json(&["tenants", "list"])[0]["available_usd"], 5.0);
    assert_eq!(served.quiet(&["tenants", "list"]), "acme\nbolt");
    assert_eq!(
        served.json(&["tenants", "suspend", "bolt"])["state"],
        "suspended"
    );
    assert_eq!(served.quiet(&["tenants", "show", "bolt"]), "suspended");
    let rotated = served.json(&["tenants", "rotate-webhook-secret", "bolt"]);
    assert!(
        rotated["secret"].as_str().unwrap().starts_with("whsec_"),
        "{rotated}"
    );
    let deleted = served.json(&["tenants", "delete", "bolt", "--forget-balance"]);
    assert_eq!(deleted["deleted"], true);

    let top_up = ["accounts", "top-up", "acme", "2.5", "--reference", "i-1"];
    assert_eq!(served.json(&top_up)["added"], true);
    assert_eq!(served.json(&top_up)["added"], false);
    assert_eq!(served.quiet(&["accounts", "show", "acme"]), "7.50");
    let budget = served.json(&["accounts", "budget", "acme", "--limit", "9"]);
    assert_eq!(budget["budget"]["left_usd"], 9.0);
    assert_eq!(
        served.json(&["accounts", "show", "acme"])["budget"]["limit_usd"],
        9.0
    );
    let books = served.json(&["accounts", "check"]);
    assert_eq!(
        (&books["tenants"], &books["findings"]),
        (&1.into(), &Value::Array(vec![]))
    );
    assert_eq!(served.quiet(&["accounts", "check"]), "");

    assert_eq!(
        served.json(&["prices", "show", "acme"])["models"],
        Value::Object(Default::default())
    );
    assert!(served.json(&["token", "acme"])["token"].is_string());
    assert_eq!(served.quiet(&["token", "acme"]).matches('.').count(), 2);
    let keys = served.json(&["encryption", "status"]);
    assert_eq!(keys["active_key"], served.quiet(&["encryption", "status"]));
    assert_eq!(served.json(&["usage", "acme"])["total"]["requests"], 0);
    assert_eq!(served.quiet(&["usage", "acme"]), "0.00");
    let file = served._folder.path().join("events.jsonl");
    let export = ["usage", "export", "--to", file.to_str().unwrap()];
    assert_eq!(served.json(&export)["events"], 0);
    assert_eq!(
        served.json(&["reconcile"])["findings"],
        Value::Array(vec![])
    );
    let doctor = served.json(&["doctor"]);
    assert_eq!(
        (&doctor["ok"], doctor["checks"].as_array().unwrap().len()),
        (&true.into(), 5)
    );
}

#[tokio::test]
async fn a_tenant_s_commands_tell_facts_to_programs() {
    let served = served().await;
    served.quiet(&["tenants", "add", "acme"]);
    let path = |name: &str| {
        served
            ._folder
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (photo, out, again) = (path("photo.jpg"), path("after.jpg"), path("again.jpg"));
    std::fs::write(&photo, fluxgate_emulator::DEMO_PHOTO).unwrap();

    let edit = [
        "edit",
        &photo,
        "a woodcut",
        "--tenant",
        "acme",
        "--out",
        &out,
    ];
    let edited = served.json(&edit);
    let task = edited["id"].as_str().unwrap();
    assert_eq!(edited["files"], Value::from(vec![out.as_str()]));
    assert_eq!(
        (&edited["status"], &edited["charged_usd"]),
        (&"completed".into(), &0.08.into())
    );
    let download = ["download", task, "--tenant", "acme", "--out", &again];
    assert_eq!(served.quiet(&download), again);
    let both = [
        &edit[..5],
        &["--out", "-", "--json", "--data", &served.data],
    ]
    .concat();
    assert_eq!(process::run(&both).status.code(), Some(2));

    what_its_token_reads_is_told(&served);

    let tasks = served.json(&["tasks", "acme"]);
    assert_eq!(
        (&tasks[0]["id"], &tasks[0]["state"]),
        (&task.into(), &"completed".into())
    );
    assert_eq!(served.quiet(&["tasks", "acme"]), task);
    let timeline = served.json(&["tasks", "acme", task]);
    assert_eq!(timeline["steps"][0]["name"], "admitted", "{timeline}");
    assert_eq!(served.quiet(&["tasks", "acme", task]), "completed");

    let acme = ["--tenant", "acme"];
    let on = |args: &[&'static str]| [args, &acme[..]].concat();
    let created = served.quiet(&on(&["endpoints", "create", "https://a.example"]));
    let (id, secret) = created.split_once('\n').unwrap();
    assert!(secret.starts_with("whsec_"), "{created}");
    let of = |action: &'static str| ["endpoints", action, id, "--tenant", "acme"];
    assert_eq!(served.quiet(&on(&["endpoints", "list"])), id);
    assert_eq!(served.quiet(&of("show")), "enabled");
    assert_eq!(served.json(&of("disable"))["enabled"], false);
    assert_eq!(
        served.json(&on(&["deliveries", "list"]))["deliveries"],
        Value::Array(vec![])
    );
    assert_eq!(served.json(&of("delete"))["deleted"], true);
}

fn what_its_token_reads_is_told(served: &Served) {
    let acme_s = |command: &'static str| [command, "--tenant", "acme"];
    assert_eq!(served.json(&acme_s("balance"))["balance_usd"], 9.92);
    assert_eq!(served.quiet(&acme_s("balance")), "9.92");
    let models = served.quiet(&acme_s("models"));
    assert!(models.lines().any(|model| model == MODEL), "{models}");
    assert_eq!(served.json(&acme_s("batches")), json!([]));
}

#[test]
fn what_a_check_found_is_on_stdout_and_that_it_found_it_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body.json");
    std::fs::write(&body, "{}").unwrap();
    let args = [
        "verify",
        body.to_str().unwrap(),
        "--id",
        "evt_x",
        "--timestamp",
        "1",
        "--signature",
        "v1,AA==",
        "--secret",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ];

    let json = process::run(&[&args[..], &["--json"]].concat());
    let quiet = process::run(&[&args[..], &["--quiet"]].concat());

    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    let error: Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(
        (&told["ok"], &told["parts"][0]["part"]),
        (&false.into(), &"id".into())
    );
    assert_eq!(
        (&error["error"]["exit_code"], json.status.code()),
        (&1.into(), Some(1))
    );
    let parts = String::from_utf8(quiet.stdout).unwrap();
    assert_eq!(parts, "id\ntimestamp\nsignature\n");
}
