//! Every way to misbehave that is not about webhooks.

use std::time::{Duration, Instant};

use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, MAX, inputs, quick};

async fn status_of_submit(client: &Client) -> u16 {
    client.submit(&inputs()).await.unwrap().status().as_u16()
}

async fn paid_usd(client: &Client) -> f64 {
    1_000_000.0
        - client.get("/api/v3/balance").await["balance"]
            .as_f64()
            .unwrap()
}

#[tokio::test]
async fn a_refused_account_is_accepted_again_by_the_emulator_s_own_route() {
    for off in [
        json!({ "account_status": false }),
        json!({ "account_status": null }),
        json!({ "account_status": 0 }),
        json!({}),
    ] {
        let client = Client::with(Faults {
            account_status: 402,
            ..Faults::default()
        })
        .await;
        assert_eq!(status_of_submit(&client).await, 402);

        let put = client.request(Method::PUT, "/_emulator/faults").json(&off);
        let put = put.send().await.unwrap();

        assert_eq!(put.status().as_u16(), 200, "{off}");
        assert_eq!(status_of_submit(&client).await, 200, "{off}");
    }
}

#[tokio::test]
async fn a_500_before_the_run_is_taken_costs_nothing() {
    let client = Client::with(Faults {
        error_500_before_accept: Fault::Times(1),
        ..Faults::default()
    })
    .await;

    let statuses = [
        status_of_submit(&client).await,
        status_of_submit(&client).await,
    ];

    assert_eq!(statuses, [500, 200]);
    assert_eq!(client.emulator.runs().len(), 1);
    assert_eq!(
        client.emulator.faults().error_500_before_accept,
        Fault::Times(0)
    );
}

#[tokio::test]
async fn a_500_after_the_run_is_taken_is_paid() {
    let client = Client::with(Faults {
        error_500_after_accept: Fault::Times(1),
        ..Faults::default()
    })
    .await;

    let status = status_of_submit(&client).await;
    let runs = client.emulator.runs();
    let ended = client.ended(&runs[0].id).await;

    assert_eq!((status, runs.len()), (500, 1));
    assert_eq!(ended["status"], "completed");
    assert!((paid_usd(&client).await - 0.08).abs() < 1e-6);
}

#[tokio::test]
async fn a_hang_up_takes_the_run_and_closes_the_connection_without_an_answer() {
    let client = Client::with(Faults {
        hang_up_after_accept: Fault::Times(1),
        ..Faults::default()
    })
    .await;

    let error = client.submit(&inputs()).await.unwrap_err();
    let runs = client.emulator.runs();

    assert!(
        !error.is_timeout() && !error.is_connect() && error.is_request(),
        "{error:?}"
    );
    assert_eq!(runs.len(), 1);
    assert_eq!(client.ended(&runs[0].id).await["status"], "completed");
    assert!((paid_usd(&client).await - 0.08).abs() < 1e-6);
}

#[tokio::test]
async fn a_hang_takes_the_run_at_once_and_answers_late() {
    let client = Client::with(Faults {
        hang_after_accept_ms: 60_000,
        ..Faults::default()
    })
    .await;
    let submit = client
        .request(Method::POST, &format!("/api/v3/{MAX}"))
        .json(&inputs());

    let error = submit
        .timeout(Duration::from_millis(500))
        .send()
        .await
        .unwrap_err();

    assert!(error.is_timeout());
    assert_eq!(client.emulator.runs().len(), 1);
}

#[tokio::test]
async fn above_the_rate_the_answer_is_429() {
    let by_fault = Client::with(Faults {
        rate_limit_per_second: 3,
        ..Faults::default()
    })
    .await;
    let by_tier = Client::of(EmulatorConfig {
        rate_per_second_max: Some(3),
        ..quick()
    })
    .await;

    for client in [by_fault, by_tier] {
        let inputs = inputs();
        let submits = (0..20).map(|_| client.submit(&inputs));
        let answers = futures::future::join_all(submits).await;
        let taken = answers
            .iter()
            .filter(|answer| answer.as_ref().unwrap().status() == 200)
            .count();
        let refused = answers
            .iter()
            .filter(|answer| answer.as_ref().unwrap().status() == 429)
            .count();

        assert!(
            taken >= 3 && refused > 0 && taken + refused == 20,
            "{taken} taken, {refused} refused"
        );
        assert_eq!(client.emulator.runs().len(), taken);
    }
}

#[tokio::test]
async fn a_run_can_be_made_to_fail_and_to_be_flagged() {
    let faults = Faults {
        fail_task: Fault::Times(1),
        nsfw: Fault::Times(1),
        ..Faults::default()
    };
    let client = Client::with(faults).await;

    let failed = client.run(MAX, &inputs()).await;
    let flagged = client.run(MAX, &inputs()).await;

    assert_eq!(
        (&failed["status"], &failed["code"], &failed["outputs"]),
        (&json!("failed"), &json!(1405), &json!([]))
    );
    assert_eq!(
        (&flagged["status"], &flagged["has_nsfw_contents"]),
        (&json!("completed"), &json!([true]))
    );
}

#[tokio::test]
async fn a_result_can_be_a_500_for_a_while() {
    let client = Client::new().await;
    let ended = client.run(MAX, &inputs()).await;
    let path = format!(
        "/api/v3/predictions/{}/result",
        ended["id"].as_str().unwrap()
    );
    client.emulator.set_faults(Faults {
        result_500: Fault::Times(2),
        ..Faults::default()
    });

    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(
            client
                .request(Method::GET, &path)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }

    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn an_output_can_be_gone_html_or_cut_off() {
    let client = Client::new().await;
    let url = client.run(MAX, &inputs()).await["outputs"][0].take();
    let once = Fault::Times(1);
    let faults = Faults {
        output_404: once,
        wrong_output_type: once,
        ..Faults::default()
    };
    client.emulator.set_faults(faults);

    let gone = client.download(&url).await;
    let html = client.download(&url).await.text().await.unwrap();
    client.emulator.set_faults(Faults {
        truncated_output: once,
        ..Faults::default()
    });
    let truncated = client.download(&url).await;
    let whole = client.download(&url).await;

    assert_eq!(gone.status(), 404);
    assert!(url.as_str().unwrap().ends_with(".jpg") && html.starts_with("<!doctype html>"));
    assert_eq!(truncated.content_length(), whole.content_length());
    assert!(truncated.bytes().await.is_err());
    assert!(whole.bytes().await.is_ok());
}

#[tokio::test]
async fn a_slow_output_takes_its_time_and_is_whole() {
    let client = Client::new().await;
    let url = client.run(MAX, &inputs()).await["outputs"][0].take();
    let whole = client.download(&url).await.bytes().await.unwrap();
    let slow_output_bytes_per_second = whole.len() as u64 * 2;
    client.emulator.set_faults(Faults {
        slow_output_bytes_per_second,
        ..Faults::default()
    });

    let started = Instant::now();
    let slow = client.download(&url).await.bytes().await.unwrap();

    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(slow, whole);
}

#[tokio::test]
async fn a_tiny_output_needs_no_picture_to_work_from() {
    let client = Client::with(Faults {
        tiny_output: Fault::Always,
        ..Faults::default()
    })
    .await;

    let ended = client
        .run(
            MAX,
            &json!({"prompt": "x", "image": "http://127.0.0.1:9/none.png"}),
        )
        .await;
    let output = client.download(&ended["outputs"][0]).await;

    assert_eq!(output.headers()["content-type"], "image/png");
    image::load_from_memory(&output.bytes().await.unwrap()).unwrap();
}

#[tokio::test]
async fn faults_are_read_and_replaced_with_the_key_and_with_no_other() {
    let client = Client::with(Faults {
        fail_task: Fault::Times(2),
        ..Faults::default()
    })
    .await;
    let url = format!("{}/_emulator/faults", client.emulator.base_url());

    let put = |faults: Value| {
        client
            .request(Method::PUT, "/_emulator/faults")
            .json(&faults)
            .send()
    };

    let before: Value = client
        .request(Method::GET, "/_emulator/faults")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let replaced = put(json!({"nsfw": true, "webhook_late_ms": 5}))
        .await
        .unwrap();
    let unknown = put(json!({"nfsw": true})).await.unwrap();
    let keyless = client.http.put(&url).json(&json!({})).send().await.unwrap();
    let guessed = client
        .http
        .get(&url)
        .bearer_auth("wsk_emulator")
        .send()
        .await
        .unwrap();

    assert_eq!(
        (&before["fail_task"], &before["nsfw"]),
        (&json!(2), &json!(false))
    );
    let statuses = [replaced, unknown, keyless, guessed].map(|answer| answer.status().as_u16());
    assert_eq!(statuses, [200, 400, 401, 401]);
    let wanted = Faults {
        nsfw: Fault::Always,
        webhook_late_ms: 5,
        ..Faults::default()
    };
    assert_eq!(client.emulator.faults(), wanted);
}

#[tokio::test]
async fn a_run_of_several_outputs_can_bring_one_less_and_is_paid_in_full() {
    let client = Client::with(Faults {
        fewer_outputs: Fault::Times(1),
        ..Faults::default()
    })
    .await;
    let body = json!({ "prompt": "dunes", "num_images": 3 });

    let submit = client
        .request(Method::POST, "/api/v3/wavespeed-ai/flux-dev")
        .json(&body);
    let answer: Value = submit.send().await.unwrap().json().await.unwrap();
    let ended = client.ended(answer["data"]["id"].as_str().unwrap()).await;

    assert_eq!(
        (&ended["status"], ended["outputs"].as_array().unwrap().len()),
        (&json!("completed"), 2)
    );
    assert!((paid_usd(&client).await - 0.036).abs() < 1e-6);
}
