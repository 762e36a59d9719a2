//! The operator's commands: which server they ask, what they show of tenants, and what they refuse
//! to guess.

use fluxgate_core::id::TenantId;
use fluxgate_emulator::Emulator;
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{FluxgateProcess, TestTenant, process};
use serde_json::{Value, json};

use crate::command::{Served, said, served};

/// What a command that works prints.
fn told(args: &[&str], data: &str) -> String {
    let output = process::run(&[args, &["--data", data]].concat());
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout.clone()).unwrap() + &said(&output)
}

/// Why a command fails.
fn why(args: &[&str], data: &str) -> String {
    let output = process::run(&[args, &["--data", data]].concat());
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{args:?}: {}",
        said(&output)
    );
    said(&output)
}

/// A gateway that takes the emulator for a real provider, with this key.
async fn served_elsewhere(
    provider: &str,
    key: &str,
) -> (tempfile::TempDir, String, FluxgateProcess) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let listen = free_address().to_string();
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
        "--provider",
        provider,
    ];
    let process = FluxgateProcess::serve(
        &args,
        &[("WAVESPEED_API_KEY", key)],
        &format!("http://{listen}"),
    )
    .await;
    (folder, data, process)
}

#[tokio::test]
async fn a_price_of_which_nobody_knows_whether_it_is_under_cost_is_not_set_by_itself() {
    let Served {
        process,
        data,
        _folder,
        ..
    } = served().await;
    let data = &data;
    let fixed = format!("{MODEL}=0.10");
    told(&["tenants", "add", "acme"], data);
    told(&["prices", "set", "acme", "--fixed", &fixed], data);
    let before = told(&["prices", "show", "acme"], data);
    let under = format!("{MODEL}=0.01");
    let dearer = format!("{MODEL}=20");
    assert_eq!(process.terminate(), Some(0));

    let refused = why(&["prices", "set", "acme", "--fixed", &under], data);

    assert!(
        refused.contains(MODEL) && refused.contains("--allow-under-cost"),
        "{refused}"
    );
    assert!(refused.contains("start that first"), "{refused}");
    assert_eq!(told(&["prices", "show", "acme"], data), before);
    told(
        &[
            "prices",
            "set",
            "acme",
            "--fixed",
            &under,
            "--allow-under-cost",
        ],
        data,
    );
    // A markup of zero or more is never under cost, whatever the cost is.
    told(&["prices", "set", "acme", "--markup", &dearer], data);
    let none = told(&["prices", "remove", "acme", MODEL], data);
    assert!(!none.contains("cannot use any model"), "{none}");
    let none = told(&["prices", "set", "acme", "--only-listed"], data);
    assert!(none.contains("cannot use any model now"), "{none}");
}

/// No other provider: its catalogue and its bills would be of other runs.
#[tokio::test(flavor = "multi_thread")]
async fn commands_ask_the_provider_of_the_server_that_serves_the_folder() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let (url, key) = (emulator.base_url(), emulator.api_key().to_owned());
    let (_folder, data, _process) = served_elsewhere(&url, &key).await;
    told(&["tenants", "add", "acme"], &data);

    // Without the key, which only the server has.
    let asked = ["reconcile", "provider"].map(|it| process::run(&[it, "--data", &data]));
    let fixed = format!("{MODEL}=0.01");
    let args = ["prices", "set", "acme", "--fixed", &fixed, "--data", &data];
    let judged = process::run_with(&args, &[("WAVESPEED_API_KEY", &key)]);

    for asked in asked {
        assert!(asked.status.success(), "{}", said(&asked));
    }
    assert!(
        !judged.status.success() && said(&judged).contains("would be sold below cost"),
        "{}",
        said(&judged)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_the_running_gateway_how_its_key_is_taken() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let good = emulator.api_key().to_owned();

    for (key, healthy, wanted) in [
        ("a-wrong-key", false, "refuses the key (401)"),
        (good.as_str(), true, "accepts the key; the balance is $"),
    ] {
        let (_folder, data, _process) = served_elsewhere(&emulator.base_url(), key).await;
        // Without the key, which only the gateway has.
        let checked = process::run(&["doctor", "--data", &data]);
        let text = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(
            (checked.status.success(), text.contains(wanted)),
            (healthy, true),
            "{text}"
        );
        assert!(!text.contains(key), "{text}");
    }
}

#[tokio::test]
async fn doctor_tells_a_bucket_server_from_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let (listen, buckets) = (free_address().to_string(), free_address().to_string());
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        &buckets,
        "--provider",
        "emulator",
    ];
    let _process = FluxgateProcess::serve(&args, &[], &format!("http://{listen}")).await;

    let checked = process::run(&[
        "doctor",
        "--data",
        &data,
        "--url",
        &format!("http://{buckets}"),
    ]);

    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(
        !checked.status.success() && text.contains("it looks like the S3 server"),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_deleted_tenant_left_can_be_read() {
    let Served { data, .. } = &served().await;
    told(&["tenants", "add", "gone", "--balance", "3"], data);
    told(&["tenants", "delete", "gone", "--forget-balance"], data);

    assert!(told(&["accounts", "show", "gone"], data).contains("available $3.00"));
    assert!(told(&["usage", "gone"], data).contains("total"));
    assert_eq!(told(&["tasks", "gone"], data), "there is nothing to show\n");
    for never in [
        ["accounts", "show", "never"].as_slice(),
        &["usage", "never"],
        &["tasks", "never"],
    ] {
        assert!(why(never, data).contains("'never'"), "{never:?}");
    }
}

#[tokio::test]
async fn a_list_of_tenants_says_what_keeps_each_from_spending() {
    let Served { data, .. } = &served().await;
    told(&["tenants", "add", "acme"], data);
    told(&["tenants", "add", "other"], data);
    told(&["tenants", "suspend", "acme"], data);
    told(&["accounts", "budget", "acme", "--limit", "500"], data);

    let listed = told(&["tenants", "list"], data);

    let line = |name: &str| {
        listed
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    let acme = line("acme");
    let month = "  spent this month $0.00, budget $500.00, $500.00 left";
    assert!(
        acme.contains(" suspended ") && acme.contains(" 0 in flight") && acme.ends_with(month),
        "{listed}"
    );
    assert!(line("other").ends_with("s3://fluxgate-other"), "{listed}");
}

/// The change was made, and yet the commands failed: "the server is not Fluxgate".
#[tokio::test]
async fn a_tenant_s_endpoint_without_a_url_is_shown_as_any_other() {
    let Served { data, base_url, .. } = &served().await;
    told(&["tenants", "add", "acme"], data);
    let token = told(&["token", "acme", "--quiet"], data);
    let id = TenantId::parse("acme").unwrap();
    let tenant = TestTenant::new(id, base_url, token.trim().to_owned());
    let url = "https://8.8.8.8/hook";
    let pushed = tenant.created_endpoint(&json!({ "url": url })).await;
    let pulled = tenant.created_endpoint(&json!({ "kind": "pull" })).await;

    for (args, state) in [
        (["tenants", "show", "acme"].as_slice(), "active"),
        (&["tenants", "suspend", "acme"], "suspended"),
        (&["tenants", "resume", "acme"], "active"),
        (&["tenants", "change", "acme", "--weight", "2"], "active"),
    ] {
        let shown: Value =
            serde_json::from_str(&told(&[args, &["--json"]].concat(), data)).unwrap();

        assert_eq!(shown["state"], state, "{args:?}: {shown}");
        let mut endpoints = shown["endpoints"].as_array().unwrap().clone();
        endpoints.sort_by_key(|endpoint| endpoint["kind"] == "push");
        assert_eq!(
            endpoints,
            [
                json!({ "id": pulled.text("/id"), "kind": "pull", "enabled": true }),
                json!({
                    "id": pushed.text("/id"), "kind": "push", "enabled": true,
                    "url": "https://8.8.8.8/…",
                }),
            ],
            "{args:?}"
        );
    }
}

#[tokio::test]
async fn a_reference_that_was_used_is_said() {
    let Served { data, .. } = &served().await;
    told(&["tenants", "add", "acme", "--balance", "1"], data);
    let top_up = [
        "accounts",
        "top-up",
        "acme",
        "5",
        "--reference",
        "invoice-1",
    ];

    let (first, again) = (told(&top_up, data), told(&top_up, data));

    assert!(
        first.contains("available $6.00") && !first.contains("nothing was added"),
        "{first}"
    );
    assert!(
        again.contains("available $6.00") && again.contains("nothing was added"),
        "{again}"
    );
}
