//! Requests that cannot be meant as they are: each answer says what is wrong, where, and how to
//! mend it.

use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::{Value, json};

fn refused(answer: &Answer, field: &str, says: &str) {
    let told = (answer.status.as_u16(), answer.text("/field"));
    assert_eq!(told, (400, field.to_owned()), "{:?}", answer.body);
    let message = answer.text("/message");
    assert!(message.contains(says), "no '{says}': {message}");
}

#[tokio::test]
async fn lists_name_the_page_or_the_date_that_cannot_be() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (list, bill) = ("/api/v3/predictions", "/api/v3/billings/search");
    let (early, late) = ("2026-01-01T00:00:00", "2026-02-01");

    for path in [list, bill] {
        for (body, field, says) in [
            (json!({ "page_size": 101 }), "page_size", "1 to 100"),
            (json!({ "page_size": 0 }), "page_size", "1 to 100"),
            (json!({ "page": 0 }), "page", "1 or more"),
            (json!({ "page": -1 }), "page", "1 or more"),
        ] {
            refused(&tenant.post(path, &body).await, field, says);
        }
        let beyond = tenant
            .post(path, &json!({ "page": 9_000_000_000_i64 }))
            .await;
        assert_eq!(
            (beyond.status.as_u16(), &beyond.body["data"]["items"]),
            (200, &json!([]))
        );
    }
    let reversed = json!({ "created_after": late, "created_before": early });
    refused(
        &tenant.post(list, &reversed).await,
        "created_before",
        "swap them",
    );
    let reversed = json!({ "start_time": late, "end_time": early });
    refused(&tenant.post(bill, &reversed).await, "end_time", "swap them");
    let stats = tenant.post("/api/v3/user/usage_stats", &reversed).await;
    refused(&stats, "end_time", "ends before it starts");
    let words = json!({ "created_after": "last week" });
    refused(
        &tenant.post(list, &words).await,
        "created_after",
        "RFC 3339",
    );
}

async fn raw(tenant: &TestTenant, path: &str) -> String {
    let mut client = RawClient::connect(&tenant.url("")).await;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-length: 2\r\n\r\n{{}}",
        tenant.token
    );
    client.send(&request).await;
    client.rest().await
}

#[tokio::test]
async fn a_model_s_path_with_dots_or_odd_slashes_is_refused_with_how_to_write_it() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (path, status, says) in [
        ("/api/v3/wavespeed-ai/..", 400, "only dots"),
        ("/api/v3/wavespeed-ai/./flux-dev", 400, "only dots"),
        ("/api/v3/wavespeed-ai/%2e%2e/flux-dev", 400, "only dots"),
        (
            "/api/v3/wavespeed-ai/flux-kontext-max%2Fmulti",
            400,
            "percent-encoded slash",
        ),
        (
            "/api/v3/wavespeed-ai%2fflux-dev",
            404,
            "is percent-encoded; write '/' itself",
        ),
        (
            "/api/v3/wavespeed-ai//flux-dev",
            400,
            "two slashes in a row",
        ),
        (
            "/api/v3//wavespeed-ai/flux-dev",
            400,
            "two slashes in a row",
        ),
        ("/api/v3/flux-dev", 404, "two to four parts"),
        ("/api/v3/a/b/c/d/e", 404, "two to four parts"),
        (
            "/api/v2/predictions/delete/all",
            404,
            "there is no POST /api/v2/predictions",
        ),
    ] {
        let answer = raw(&tenant, path).await;
        let head = format!("HTTP/1.1 {status}");
        assert!(
            answer.starts_with(&head) && answer.contains(says),
            "{path}: {answer}"
        );
    }
    assert_eq!(gateway.emulator.request_count("submit"), 0);
}

#[tokio::test]
async fn an_unknown_query_parameter_of_a_submit_is_refused_with_the_nearest() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let task = json!({ "model": MODEL, "input": inputs });

    for version in ["v2", "v3"] {
        let path = format!("/api/{version}/{MODEL}?webhok=https://x.example");
        refused(
            &tenant.post(&path, &inputs).await,
            "webhok",
            "write 'webhook'",
        );
    }
    let path = format!("/api/v3/{MODEL}?seed=1");
    refused(
        &tenant.post(&path, &inputs).await,
        "seed",
        "there are webhook",
    );
    let answer = tenant
        .post("/v1/tasks?webhook=https://x.example", &task)
        .await;
    let told = (answer.status.as_u16(), answer.text("/field"));
    assert_eq!(told, (400, "webhook".to_owned()), "{:?}", answer.body);
    assert_eq!(gateway.emulator.request_count("submit"), 0);
}

#[tokio::test]
async fn a_number_beyond_64_bits_and_a_webhook_that_is_no_text_name_their_field() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let send = async |field: &str, value: &str| {
        let body = format!(r#"{{"prompt":"x","image":"{image}","{field}":{value}}}"#);
        let request = tenant.http().post(tenant.url(&format!("/api/v3/{MODEL}")));
        tenant.send(request.body(body)).await
    };

    for seed in ["18446744073709551616", "-9223372036854775809", "1e30"] {
        refused(&send("seed", seed).await, "seed", "at most 64 bits");
    }
    for seed in ["18446744073709551615", "9223372036854775808", "10000000000"] {
        refused(&send("seed", seed).await, "seed", "9999999999");
    }
    for value in ["5", "true", "[]", "{}"] {
        let says = "must be a string: the https URL";
        refused(&send("webhook_url", value).await, "webhook_url", says);
    }
    assert_eq!(gateway.emulator.request_count("submit"), 0);
}

#[tokio::test]
async fn a_price_is_refused_for_what_a_submit_refuses_and_told_where_inputs_are_missing() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let price = async |model: &str, inputs: Value| {
        let question = json!({ "model_id": model, "inputs": inputs });
        tenant.post("/api/v3/model/pricing", &question).await
    };
    let dev = "wavespeed-ai/flux-dev";

    for (model, inputs, field) in [
        (dev, json!({ "num_images": "two" }), "num_images"),
        (dev, json!({ "num_images": 99 }), "num_images"),
        (dev, json!({ "prompt": 7 }), "prompt"),
        (MODEL, json!({ "guidance_scale": 0.5 }), "guidance_scale"),
    ] {
        let submit = tenant.post(&format!("/api/v3/{model}"), &inputs).await;
        assert_eq!(submit.status, 400, "{inputs}");
        refused(&price(model, inputs).await, field, field);
    }
    assert_eq!(gateway.emulator.request_count("pricing"), 0);
    let asked = price(dev, json!({ "num_images": 3 })).await;
    assert_eq!(asked.status, 200, "{:?}", asked.body);
}
