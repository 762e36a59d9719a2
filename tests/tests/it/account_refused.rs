//! The provider refuses: one model, which ends the task, or the operator's account, which waits for
//! the operator.

use std::time::Duration;

use fluxgate_emulator::{DEMO_PHOTO, Emulator, Fault, Faults};
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::{FluxgateProcess, Gateway, GatewayOptions, TestTenant, eventually, process};
use serde_json::{Value, json};

async fn gateway() -> (Gateway, TestTenant, Value) {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    // Also brings the catalogue, which outlives an account that is refused later.
    assert_eq!(tenant.get("/api/v3/models").await.status, 200);
    let inputs = tenant.inputs().await;
    (gateway, tenant, inputs)
}

fn account(status: u16) -> Faults {
    Faults {
        account_status: status,
        ..Faults::default()
    }
}

/// A tenant must not see any of this.
fn says_nothing_of_the_account(text: &str) -> bool {
    let text = text.to_lowercase();
    ![
        "account",
        "key",
        "balance",
        "top it up",
        "401",
        "402",
        "403",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// Why the task's submit was deferred.
async fn put_off(tenant: &TestTenant, task: &str) -> String {
    eventually("a submit put off", || async {
        let timeline = tenant.timeline(task).await;
        let steps = timeline["steps"].as_array()?.clone();
        let step = steps
            .iter()
            .find(|step| step["name"] == "submit_deferred")?
            .clone();
        step["detail"].as_str().map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn a_model_that_is_forbidden_ends_its_task_at_once_and_says_why() {
    let (gateway, tenant, inputs) = gateway().await;
    gateway.emulator.set_faults(Faults {
        model_forbidden: Fault::Times(1),
        ..Faults::default()
    });

    let task = tenant.submit(&inputs).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (&prediction["status"], &prediction["reason"]),
        (&json!("failed"), &json!("model_forbidden"))
    );
    let error = prediction["error"].as_str().unwrap();
    assert!(
        error.contains(fluxgate_tests::tenant::MODEL) && says_nothing_of_the_account(error),
        "{error}"
    );
    assert_eq!(
        (
            gateway.emulator.request_count("submit"),
            tenant.balance_usd().await
        ),
        (1, 1.0)
    );
    assert_eq!(
        tenant.ended(&tenant.submit(&inputs).await).await["status"],
        "completed"
    );
}

#[tokio::test]
async fn while_the_account_is_refused_tasks_wait_and_say_so_without_a_word_of_it() {
    for status in [401, 402, 403] {
        let (gateway, tenant, inputs) = gateway().await;
        gateway.emulator.set_faults(account(status));

        let task = tenant.submit(&inputs).await;
        let detail = put_off(&tenant, &task).await;

        assert!(
            detail.contains("cannot submit to the model at the moment"),
            "{detail}"
        );
        assert!(says_nothing_of_the_account(&detail), "{detail}");
        assert_eq!(tenant.result(&task).await["status"], "created");
        gateway.emulator.set_faults(Faults::default());
        assert_eq!(tenant.ended(&task).await["status"], "completed");
        assert_eq!(
            (gateway.emulator.runs().len(), tenant.balance_usd().await),
            (1, 0.92)
        );
    }
}

#[tokio::test]
async fn every_other_way_to_the_provider_says_as_little_of_a_refused_account() {
    let (gateway, tenant, _) = gateway().await;
    use base64::Engine as _;
    let picture = base64::engine::general_purpose::STANDARD.encode(DEMO_PHOTO);
    gateway.emulator.set_faults(account(403));

    let inline = json!({ "prompt": "x", "image": format!("data:image/jpeg;base64,{picture}") });
    let task = tenant.submit(&inline).await;
    let detail = put_off(&tenant, &task).await;
    let ticket = tenant
        .post(
            "/api/v3/media/uploads",
            &json!({ "filename": "a.png", "size": 5 }),
        )
        .await;
    let quoted = json!({ "model_id": "wavespeed-ai/flux-dev", "inputs": { "prompt": "x", "num_images": 2 } });
    let price = tenant.post("/api/v3/model/pricing", &quoted).await;

    assert!(says_nothing_of_the_account(&detail), "{detail}");
    for answer in [ticket, price] {
        assert_eq!(
            (answer.status.as_u16(), answer.text("/error_code")),
            (503, "service_unavailable".to_owned())
        );
        assert!(
            says_nothing_of_the_account(&answer.text("/message")),
            "{:?}",
            answer.body
        );
    }
}

/// An address at which nobody listens, and one of an emulator that knows another key.
#[tokio::test(flavor = "multi_thread")]
async fn serve_and_doctor_say_at_once_when_the_provider_refuses_the_key_or_cannot_be_reached() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let nobody = format!("http://{}", free_address());
    let cases = [
        (
            emulator.base_url(),
            "a-wrong-key",
            "refuses the key (401): set WAVESPEED_API_KEY",
        ),
        (
            nobody,
            "any-key",
            "refused the connection: check --provider",
        ),
    ];
    for (url, key, wanted) in cases {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data").to_str().unwrap().to_owned();
        let listen = free_address().to_string();
        let (said, checked) = tokio::task::spawn_blocking(move || {
            let env = [("WAVESPEED_API_KEY", key), ("FLUXGATE_PROVIDER", &url)];
            let args = [
                "--data",
                &data,
                "--listen",
                &listen,
                "--s3-listen",
                "127.0.0.1:0",
            ];
            let said = process::serve_until_it_says(&args, &env, wanted);
            (said, process::run_with(&["doctor", "--data", &data], &env))
        })
        .await
        .unwrap();

        assert!(
            said.contains("WARNING") && said.lines().count() <= 4,
            "{said}"
        );
        assert!(!said.contains(key), "{said}");
        let told = String::from_utf8(checked.stdout).unwrap();
        assert!(!checked.status.success() && told.contains(wanted), "{told}");
    }
}

/// Four minutes after its file had changed, the key of before was still sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_file_is_rotated_without_a_restart() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, key, log) = (path("data"), path("key"), path("log"));
    std::fs::write(&key, "a-wrong-key\n").unwrap();
    let added = process::run(&["tenants", "add", "acme", "--data", &data]);
    assert!(added.status.success(), "{added:?}");
    let token = process::run(&["token", "acme", "--data", &data]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let (listen, url) = (free_address().to_string(), emulator.base_url());
    let env = [
        ("WAVESPEED_API_KEY_FILE", &*key),
        ("FLUXGATE_PROVIDER", &url),
    ];
    let mut args = vec!["--data", &data, "--listen", &listen];
    args.extend(["--s3-listen", "127.0.0.1:0"]);
    let base_url = format!("http://{listen}");
    let stderr = std::fs::File::create(&log).unwrap().into();
    let _process = FluxgateProcess::serve_saying(&args, &env, &base_url, stderr).await;
    let tenant = TestTenant::new("acme".parse().unwrap(), &base_url, token);
    let refused = tenant.get("/api/v3/models").await;
    let warning = eventually("a warning", || async {
        let said = std::fs::read_to_string(&log).unwrap();
        said.contains("WARNING").then_some(said)
    });
    let warning = warning.await;

    std::fs::write(&key, emulator.api_key()).unwrap();

    assert_eq!(refused.status, 503);
    let mend = "put a key that is valid there into the file that WAVESPEED_API_KEY_FILE names";
    assert!(warning.contains(mend), "{warning}");
    eventually("the catalogue by the new key", || async {
        let answer = tenant.get("/api/v3/models").await;
        (answer.status == 200).then_some(())
    })
    .await;
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(
        !said.contains("a-wrong-key") && !said.contains(emulator.api_key()),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_that_the_provider_takes_the_key() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let (url, key) = (emulator.base_url(), emulator.api_key().to_owned());

    let checked = tokio::task::spawn_blocking(move || {
        assert!(
            process::run(&["tenants", "add", "acme", "--data", &data])
                .status
                .success()
        );
        process::run_with(
            &["doctor", "--data", &data],
            &[("WAVESPEED_API_KEY", &key), ("FLUXGATE_PROVIDER", &url)],
        )
    });
    let checked = tokio::time::timeout(Duration::from_secs(60), checked)
        .await
        .unwrap()
        .unwrap();

    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(
        checked.status.success() && told.contains("accepts the key; the balance is $"),
        "{told}"
    );
}

/// A gateway without a catalogue sends no submit, so the refusals were not counted and the alert
/// stayed silent.
#[tokio::test]
async fn an_account_that_is_refused_from_the_start_is_counted() {
    let gateway = Gateway::with(GatewayOptions {
        faults: account(402),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;

    let refused = tenant.get("/api/v3/models").await;

    assert_eq!(refused.status, 503);
    assert!(says_nothing_of_the_account(&refused.body.to_string()));
    let told = gateway.metrics().await;
    let counted = told
        .lines()
        .find_map(|line| line.strip_prefix("fluxgate_account_refusals_total "));
    assert!(counted.unwrap().parse::<f64>().unwrap() > 0.0, "{told}");
}
