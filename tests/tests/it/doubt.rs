//! Submits in doubt: the provider's list shows the run, or its absence ends the doubt within
//! moments.

use std::net::SocketAddr;

use fluxgate_emulator::{DEMO_PHOTO, Emulator, Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{emulator_config, free_address, quick};
use fluxgate_tests::{FluxgateProcess, Gateway, GatewayOptions, TestTenant, eventually, process};
use serde_json::{Value, json};

/// Nothing but the list may end the doubt while the test lasts.
fn endless() -> BoundsSettings {
    BoundsSettings {
        unknown_max_ms: Some(600_000),
        ..quick()
    }
}

async fn gateway(webhooks: bool, bounds: BoundsSettings) -> (Gateway, TestTenant) {
    let gateway = Gateway::with(GatewayOptions {
        webhooks,
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    (gateway, tenant)
}

fn never_taken() -> Faults {
    Faults {
        error_500_before_accept: Fault::Times(1),
        ..Faults::default()
    }
}

fn taken_without_a_word() -> Faults {
    Faults {
        hang_up_after_accept: Fault::Times(1),
        webhook_lost: Fault::Times(1),
        ..Faults::default()
    }
}

fn denials(steps: &[String]) -> usize {
    steps.iter().filter(|name| *name == "not_listed").count()
}

fn inline(prompt: &str) -> Value {
    use base64::Engine as _;
    let picture = base64::engine::general_purpose::STANDARD.encode(DEMO_PHOTO);
    json!({ "prompt": prompt, "image": format!("data:image/jpeg;base64,{picture}") })
}

#[tokio::test]
async fn a_submit_that_the_list_denies_ends_and_its_key_goes_on_naming_it() {
    for webhooks in [true, false] {
        let (gateway, tenant) = gateway(webhooks, endless()).await;
        let inputs = tenant.inputs().await;
        gateway.emulator.set_faults(never_taken());

        let first = tenant
            .submit_with_key(&inputs, "one")
            .await
            .text("/data/id");
        let prediction = tenant.ended(&first).await;

        assert_eq!(
            (&prediction["status"], &prediction["reason"]),
            (&json!("failed"), &json!("submit_lost"))
        );
        assert!(
            prediction["error"]
                .as_str()
                .unwrap()
                .contains("new Idempotency-Key"),
            "{prediction}"
        );
        assert_eq!(tenant.balance_usd().await, 1.0);
        assert!(denials(&tenant.steps(&first).await) >= 3);
        assert_eq!(
            tenant
                .submit_with_key(&inputs, "one")
                .await
                .text("/data/id"),
            first
        );
        let second = tenant
            .submit_with_key(&inputs, "two")
            .await
            .text("/data/id");
        assert_eq!(tenant.ended(&second).await["status"], "completed");
        assert_eq!(
            (
                gateway.emulator.request_count("submit"),
                gateway.emulator.runs().len()
            ),
            (2, 1)
        );
    }
}

fn settings(
    data: &str,
    listen: &SocketAddr,
    s3_listen: &SocketAddr,
    public_url: Option<&str>,
    emulator: &Emulator,
) -> String {
    let public_url = public_url.map_or_else(String::new, |url| format!("public_url = \"{url}\"\n"));
    format!(
        "data = \"{data}\"\nlisten = \"{listen}\"\ns3_listen = \"{s3_listen}\"\n{public_url}\
         provider = \"{}\"\nallow_net = [\"127.0.0.0/8\"]\n[bounds]\nsubmit_timeout_ms = 1000\n\
         uploads_max_ms = 500\ndenials_min = 3\ndenials_span_ms = 1000\nwatch_first_ms = 300\n\
         watch_max_ms = 1000\nwake_first_ms = 200\nwake_max_ms = 500\n",
        emulator.base_url()
    )
}

/// A submit whose answer is never read.
async fn submit_unheard(caller: TestTenant) {
    let request = caller
        .http()
        .post(caller.url("/api/v3/wavespeed-ai/flux-kontext-max"))
        .bearer_auth(&caller.token)
        .header("Idempotency-Key", "k")
        .json(&inline("x"));
    drop(request.send().await);
}

/// The pictures of a request are uploaded after the task was written: a SIGKILL during the upload
/// is certain to come before the POST.
#[tokio::test]
async fn a_task_cut_off_before_its_post_ends_within_moments_of_the_next_start() {
    for webhooks in [true, false] {
        let emulator = Emulator::start(emulator_config()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (listen, s3_listen) = (free_address(), free_address());
        let base_url = format!("http://{listen}");
        let data = folder.path().join("data").to_str().unwrap().to_owned();
        let config = folder
            .path()
            .join("fluxgate.toml")
            .to_str()
            .unwrap()
            .to_owned();
        let public_url = webhooks.then_some(base_url.as_str());
        let text = settings(&data, &listen, &s3_listen, public_url, &emulator);
        std::fs::write(&config, text).unwrap();
        assert!(
            process::run(&["tenants", "add", "acme", "--balance", "1", "--data", &data])
                .status
                .success()
        );
        let token =
            String::from_utf8(process::run(&["token", "acme", "--data", &data]).stdout).unwrap();
        let tenant = TestTenant::new("acme".parse().unwrap(), &base_url, token.trim().to_owned());
        let start = async || {
            let env = [("WAVESPEED_API_KEY", emulator.api_key())];
            FluxgateProcess::serve(&["--config", &config], &env, &base_url).await
        };

        let cut_off = start().await;
        emulator.set_faults(Faults {
            hang_upload_ms: 600_000,
            ..Faults::default()
        });
        let submit = tokio::spawn(submit_unheard(tenant.clone()));
        eventually("the upload", || async {
            (emulator.request_count("upload_binary") > 0).then_some(())
        })
        .await;
        cut_off.kill();
        submit.await.unwrap();
        emulator.set_faults(Faults::default());
        let next = start().await;

        let task = tenant
            .submit_with_key(&inline("x"), "k")
            .await
            .text("/data/id");
        assert_eq!(
            tenant.ended(&task).await["reason"],
            "submit_lost",
            "webhooks: {webhooks}"
        );
        assert_eq!(tenant.balance_usd().await, 1.0);
        assert_eq!(emulator.request_count("submit"), 0);
        next.kill();
    }
}

#[tokio::test]
async fn a_run_that_the_list_shows_late_is_taken_however_often_it_was_denied() {
    let bounds = BoundsSettings {
        denials_span_ms: Some(60_000),
        wake_max_ms: Some(300),
        ..endless()
    };
    let (gateway, tenant) = gateway(false, bounds).await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        list_hides: Fault::Always,
        ..taken_without_a_word()
    });
    let task = tenant.submit(&inputs).await;
    eventually("a denial", || async {
        (denials(&tenant.steps(&task).await) > 0).then_some(())
    })
    .await;

    gateway.emulator.set_faults(Faults::default());

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(tenant.timeline(&task).await["completed_by"], "resolve");
    assert_eq!(
        (gateway.emulator.runs().len(), tenant.balance_usd().await),
        (1, 0.92)
    );
}

#[tokio::test]
async fn a_run_that_shows_itself_after_the_list_denied_it_is_an_orphan() {
    let (gateway, tenant) = gateway(true, endless()).await;
    let inputs = tenant.inputs().await;
    let hang_up_after_accept = Fault::Times(1);
    let faults = Faults {
        hang_up_after_accept,
        list_hides: Fault::Always,
        webhook_late_ms: 6_000,
        ..Faults::default()
    };
    gateway.emulator.set_faults(faults);

    let task = tenant.submit(&inputs).await;
    assert_eq!(tenant.ended(&task).await["reason"], "submit_lost");
    eventually("the late webhook", || async {
        tenant
            .steps(&task)
            .await
            .contains(&"orphaned".to_owned())
            .then_some(())
    })
    .await;

    assert_eq!(tenant.result(&task).await["status"], "failed");
    assert_eq!(tenant.balance_usd().await, 1.0);
}

#[tokio::test]
async fn a_list_that_was_not_read_whole_denies_nothing() {
    let bounds = BoundsSettings {
        unknown_max_ms: Some(4_500),
        ..quick()
    };
    let (gateway, tenant) = gateway(true, bounds).await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        list_endless: Fault::Always,
        ..never_taken()
    });

    let task = tenant.submit(&inputs).await;

    assert_eq!(tenant.ended(&task).await["reason"], "submit_unresolved");
    assert_eq!(denials(&tenant.steps(&task).await), 0);
}

/// The picture's URL is unknown, so any unclaimed run with the same prompt may be the one.
#[tokio::test]
async fn where_a_picture_was_uploaded_only_runs_with_other_texts_or_of_other_tasks_deny() {
    let (gateway, tenant) = gateway(true, endless()).await;
    tenant
        .ended(&tenant.submit(&inline("the same")).await)
        .await;
    let url = format!(
        "{}/api/v3/{}",
        gateway.emulator.base_url(),
        fluxgate_tests::tenant::MODEL
    );
    let stranger = gateway
        .http()
        .post(url)
        .bearer_auth(gateway.emulator.api_key())
        .json(&inline("a stranger's"));
    assert_eq!(stranger.send().await.unwrap().status(), 200);
    gateway.emulator.set_faults(Faults {
        error_500_before_accept: Fault::Times(2),
        ..Faults::default()
    });

    let denied = tenant.submit(&inline("the same")).await;
    let unclear = tenant.submit(&inline("a stranger's")).await;

    assert_eq!(tenant.ended(&denied).await["reason"], "submit_lost");
    assert_eq!(denials(&tenant.steps(&unclear).await), 0);
    assert_eq!(tenant.result(&unclear).await["status"], "created");
}

/// So many of others' runs in the minutes around the submit were more than a look reached past, and
/// the doubt lasted for an hour.
#[tokio::test]
async fn a_doubt_among_thousands_of_runs_ends_as_soon_as_one_among_none() {
    use futures::StreamExt as _;
    let (gateway, tenant) = gateway(true, endless()).await;
    let url = format!(
        "{}/api/v3/{}",
        gateway.emulator.base_url(),
        fluxgate_tests::tenant::MODEL
    );
    let inputs = tenant.inputs().await;
    let mut other = inputs.clone();
    other["prompt"] = json!("somebody else's");
    let others = futures::stream::iter(0..2_100).map(|_| {
        let request = gateway
            .http()
            .post(&url)
            .bearer_auth(gateway.emulator.api_key());
        request.json(&other).send()
    });
    let taken = others.buffer_unordered(16);
    let taken = taken.filter(|sent| std::future::ready(sent.as_ref().unwrap().status() == 200));
    assert_eq!(taken.count().await, 2_100);
    gateway.emulator.set_faults(Faults {
        error_500_before_accept: Fault::Times(3),
        ..Faults::default()
    });

    let before = gateway.emulator.request_count("list");
    let tasks = [
        tenant.submit(&inputs).await,
        tenant.submit(&inputs).await,
        tenant.submit(&inputs).await,
    ];
    for task in tasks {
        assert_eq!(tenant.ended(&task).await["reason"], "submit_lost");
    }

    assert_eq!(gateway.emulator.runs().len(), 2_100);
    let asked = gateway.emulator.request_count("list") - before;
    assert!(
        asked < 3 * 4 * 22,
        "{asked} pages, so each has read its own"
    );
}
