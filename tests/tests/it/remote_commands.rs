//! The operator's commands, for an installation elsewhere as for a data folder: the same calls, the
//! same words, the same exit codes.

use std::path::Path;
use std::process::Output;

use fluxgate_tests::lambda::signature::{ACCESS_KEY, SECRET_KEY};
use fluxgate_tests::operator::TestIssuer;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{LiveReceiver, Stack, process};
use serde_json::Value;

use crate::command::{Served, said, served};

const BUCKET: &str = "fluxgate-test-acme";
/// What differs from one installation, or from one second, to another.
const VARYING: [&str; 9] = [
    "created_at",
    "secret",
    "old_secret_until",
    "active_key",
    "secrets",
    "from",
    "until",
    "id",
    "at",
];

/// An installation as commands are told of it.
struct Installation<'a> {
    place: Vec<&'a str>,
    env: Vec<(&'a str, &'a str)>,
}

impl Installation<'_> {
    fn run(&self, args: &[&str]) -> Output {
        process::run_with(&[args, &self.place].concat(), &self.env)
    }

    /// The exit code, what is told, and what is said beside it.
    fn told(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = self.run(args);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let told = match serde_json::from_str::<Value>(&text) {
            Ok(mut document) => {
                redact(&mut document);
                document.to_string()
            }
            Err(_) => text,
        };
        (output.status.code(), told, said(&output))
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match VARYING.contains(&name.as_str()) {
                    true => *member = "…".into(),
                    false => redact(member),
                }
            }
        }
        Value::Array(members) => members.iter_mut().for_each(redact),
        _ => {}
    }
}

fn trust(folder: &Path) -> String {
    let path = folder.join("trust.json");
    let trust = Value::from(vec![TestIssuer::new("https://id.acme.example").trust()]);
    std::fs::write(&path, trust.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// One command a line, in order: what works and what is refused.
const COMMANDS: &str = "
    tenants list
    tenants show acme
    tenants list --json
    tenants add acme --balance 10 --trust TRUST --bucket BUCKET
    tenants change acme --prefix out --unarchived release --tasks-in-flight 7
    tenants change acme --bucket No_Bucket
    tenants suspend acme
    tenants resume acme --quiet
    tenants rotate-webhook-secret acme --overlap 0 --json
    tenants show nobody
    tenants show nobody --json
    accounts top-up acme 2.5 --reference invoice-1
    accounts top-up acme 2.5 --reference invoice-1
    accounts top-up acme 3 --reference invoice-1
    accounts budget acme --limit 500 --time-zone Europe/Vienna --roll-over unused
    accounts budget acme --roll-over-cap 20 --postpaid
    accounts show acme
    accounts show acme --json
    accounts budget acme --none
    accounts check
    accounts check nobody
    prices set acme --fixed MODEL=0.25
    prices set acme --fixed MODEL=0.001
    prices set acme --fixed a/model-nobody-has=1
    prices set acme --markup MODEL=12.5 --only-listed
    prices show acme
    prices remove acme MODEL --quiet
    prices remove acme --all
    reconcile --json
    tasks --json
    tasks acme
    dead-letters list
    dead-letters redrive archive --json
    encryption status --json
    tenants delete acme
    tenants delete acme --forget-balance
    accounts show acme
    tenants show acme";

fn words(line: &str, trust: &str) -> Vec<String> {
    let word = |word: &str| match word {
        "TRUST" => trust.to_owned(),
        "BUCKET" => BUCKET.to_owned(),
        _ => word.replace("MODEL", MODEL),
    };
    line.split_whitespace().map(word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_s_commands_say_the_same_of_a_stack_on_aws_and_of_a_data_folder() {
    let stack = Stack::start().await;
    stack.create_bucket(BUCKET).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (data, trust) = (data.to_str().unwrap(), trust(folder.path()));
    let (url, provider) = (stack.admin_url().to_owned(), stack.emulator.base_url());
    let on_aws = Installation {
        place: vec!["--url", &url, "--sigv4"],
        env: operator_keys(SECRET_KEY),
    };
    let here = Installation {
        place: vec!["--data", data],
        env: vec![
            ("FLUXGATE_PROVIDER", &provider),
            ("WAVESPEED_API_KEY", stack.emulator.api_key()),
        ],
    };
    let add = "tenants add acme --balance 5 --trust TRUST --bucket BUCKET --json";

    let lines = std::iter::once(add).chain(COMMANDS.trim().lines());
    for line in lines {
        let args = words(line, &trust);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        assert_eq!(on_aws.told(&args), here.told(&args), "{line}");
    }
}

fn operator_keys(secret: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "us-east-1"),
    ]
}

/// An operator has no token of the tenant's issuer; on AWS nobody but the issuer makes any.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_mends_a_tenant_s_callbacks_by_commands_on_aws() {
    let stack = Stack::start().await;
    stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let on_aws = Installation {
        place: vec!["--tenant", "acme", "--url", stack.admin_url(), "--sigv4"],
        env: operator_keys(SECRET_KEY),
    };

    let created = on_aws.run(&["endpoints", "create", &receiver.url("events"), "--quiet"]);
    let created = String::from_utf8(created.stdout).unwrap();
    let id = created.lines().next().unwrap();
    let tested = on_aws.run(&["endpoints", "test", id]);
    let by_variable = Installation {
        place: vec!["--tenant", "acme", "--sigv4"],
        env: [
            operator_keys(SECRET_KEY),
            vec![("FLUXGATE_ADMIN_URL", stack.admin_url())],
        ]
        .concat(),
    };
    let listed = by_variable.run(&["deliveries", "list", "--json"]);

    assert!(tested.status.success(), "{}", said(&tested));
    assert_eq!(receiver.received().len(), 1);
    assert!(listed.status.success(), "{}", said(&listed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_signed_by_the_operator_is_refused_with_what_to_do() {
    let stack = Stack::start().await;
    let place = vec!["--url", stack.admin_url(), "--sigv4"];
    let wrong = Installation {
        place: place.clone(),
        env: operator_keys("another-key"),
    };
    let nowhere = tempfile::tempdir().unwrap();
    let nobody = Installation {
        place,
        env: vec![
            ("HOME", nowhere.path().to_str().unwrap()),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
        ],
    };

    let (code, _, why) = wrong.told(&["tenants", "list"]);
    assert_eq!(code, Some(3), "{why}");
    assert!(
        why.contains("does not match") && why.contains("lambda:InvokeFunctionUrl"),
        "{why}"
    );

    let (code, _, why) = nobody.told(&["tenants", "list"]);
    assert_eq!(code, Some(2), "{why}");
    assert!(why.contains("AWS_PROFILE"), "{why}");
}

#[tokio::test]
async fn a_gateway_elsewhere_is_operated_with_its_admin_token() {
    let Served {
        base_url,
        data,
        _folder,
        ..
    } = &served().await;
    let token = process::run(&["token", "--admin", "--data", data]);
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let file = _folder.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let by_file = Installation {
        place: vec![
            "--url",
            base_url,
            "--admin-token-file",
            file.to_str().unwrap(),
        ],
        env: Vec::new(),
    };
    let by_variables = Installation {
        place: Vec::new(),
        env: vec![
            ("FLUXGATE_ADMIN_URL", base_url),
            ("FLUXGATE_ADMIN_TOKEN", &token),
        ],
    };
    let here = Installation {
        place: vec!["--data", data],
        env: Vec::new(),
    };
    process::run(&["tenants", "add", "acme", "--data", data]);

    for args in [
        &["tenants", "list"][..],
        &["accounts", "show", "acme", "--json"],
    ] {
        let told = here.told(args);
        assert_eq!(told.0, Some(0), "{told:?}");
        assert_eq!(by_file.told(args), told);
        assert_eq!(by_variables.told(args), told);
    }
    let (code, _, why) = Installation {
        env: vec![("FLUXGATE_ADMIN_TOKEN", "fga_wrong")],
        place: vec!["--url", base_url],
    }
    .told(&["tenants", "list"]);
    assert_eq!(code, Some(3), "{why}");
    let (code, _, why) = Installation {
        env: Vec::new(),
        place: vec!["--url", base_url],
    }
    .told(&["tenants", "list"]);
    assert_eq!(code, Some(2), "{why}");
    assert!(why.contains("--admin-token-file"), "{why}");
}

/// Elsewhere no bucket is made up, and nothing is made before it is known that all of it may be.
#[tokio::test]
async fn a_tenant_is_added_elsewhere_whole_or_not_at_all() {
    let Served { base_url, data, .. } = &served().await;
    let make = [
        "admin-tokens",
        "create",
        "ci",
        "--scope",
        "read,write",
        "--quiet",
    ];
    let token = process::run(&[&make[..], &["--data", data]].concat());
    assert!(token.status.success(), "{}", said(&token));
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let ci = Installation {
        place: vec!["--url", base_url],
        env: vec![("FLUXGATE_ADMIN_TOKEN", &token)],
    };
    let add = ["tenants", "add", "acme"];
    let bucket = [&add[..], &["--bucket", "fluxgate-acme"]].concat();

    let (code, _, why) = ci.told(&add);
    assert_eq!(code, Some(2), "{why}");
    assert!(why.contains("--bucket"), "{why}");
    let (code, _, why) = ci.told(&[&bucket[..], &["--balance", "10"]].concat());
    assert_eq!(code, Some(3), "{why}");
    assert!(
        why.contains("nothing is made: leave --balance out"),
        "{why}"
    );
    assert_eq!(ci.told(&["tenants", "show", "acme"]).0, Some(4));

    let (code, _, why) = ci.told(&bucket);
    assert_eq!(code, Some(0), "{why}");
    let (code, shown, why) = ci.told(&["tenants", "show", "acme"]);
    assert_eq!(code, Some(0), "{why}");
    assert!(shown.contains(r#""available_usd":0"#), "{shown}");

    let untrusted = process::run(&["token", "acme", "--data", data]);
    assert_eq!(untrusted.status.code(), Some(3), "{}", said(&untrusted));
    assert!(
        said(&untrusted).contains("fluxgate keys create acme"),
        "{}",
        said(&untrusted)
    );
}

/// What the line says counts; two variables that name two installations are not guessed at.
#[test]
fn a_command_is_about_the_installation_that_was_named_last() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    process::run(&["tenants", "add", "acme", "--data", &data]);
    let env = [
        ("FLUXGATE_ADMIN_URL", "http://127.0.0.1:1"),
        ("FLUXGATE_DATA", &data),
    ];
    let list = ["tenants", "list", "--quiet"];

    let both = process::run_with(&list, &env);
    let elsewhere = process::run_with(&list, &[env[0], ("FLUXGATE_ADMIN_TOKEN", "x")]);
    let written = process::run_with(&[&list[..], &["--data", &data]].concat(), &[env[0]]);
    let twice =
        process::run(&[&list[..], &["--data", &data, "--url", "http://127.0.0.1:1"]].concat());

    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
    assert!(said(&both).contains("two installations"), "{}", said(&both));
    assert_eq!(elsewhere.status.code(), Some(6), "{}", said(&elsewhere));
    assert_eq!(
        String::from_utf8_lossy(&written.stdout),
        "acme\n",
        "{}",
        said(&written)
    );
    assert_eq!(twice.status.code(), Some(2), "{}", said(&twice));
}

#[test]
fn a_forgotten_data_folder_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let there = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = process::command(args);
        command.current_dir(folder.path()).envs(env.iter().copied());
        command.output().unwrap()
    };

    for args in [
        &["tenants", "list"][..],
        &["tenants", "add", "acme"],
        &["accounts", "top-up", "acme", "1", "--reference", "x"],
        &["encryption", "rotate"],
        &["token", "--admin"],
    ] {
        let output = there(args, &[]);
        assert_eq!(output.status.code(), Some(4), "{args:?}: {}", said(&output));
        assert!(
            said(&output).contains("fluxgate-data is not a data folder"),
            "{}",
            said(&output)
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let named = there(&["tenants", "add", "acme"], &[("FLUXGATE_DATA", "mine")]);
    assert!(named.status.success(), "{}", said(&named));
    assert!(
        said(&named).contains("mine is a new data folder"),
        "{}",
        said(&named)
    );
}
