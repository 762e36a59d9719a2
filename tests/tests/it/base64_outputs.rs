//! `enable_base64_output`: the outputs are archived like all others, and the answer with the one
//! prediction carries them too, within a bound.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::other_provider::entry;
use fluxgate_tests::{
    Gateway, GatewayOptions, LiveReceiver, OtherProvider, OutputFile, TestTenant,
};
use serde_json::{Value, json};

const MODEL: &str = "acme-ai/pictures";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
const BOUND: usize = 100;

async fn started() -> (Gateway, OtherProvider, TestTenant) {
    let provider = OtherProvider::start(vec![entry(MODEL, "text-to-image")]).await;
    let options = GatewayOptions::before(&provider);
    let gateway = Gateway::with(GatewayOptions {
        bounds: BoundsSettings {
            inline_output_bytes_max: Some(BOUND),
            ..options.bounds.clone()
        },
        ..options
    })
    .await;
    let tenant = gateway.tenant("acme", "100").await;
    (gateway, provider, tenant)
}

async fn run(tenant: &TestTenant, inputs: &Value, query: &str) -> Value {
    let submitted = tenant
        .post(&format!("/api/v3/{MODEL}{query}"), inputs)
        .await;
    assert_eq!(submitted.status, 200, "{:?}", submitted.body);
    tenant.ended(&submitted.text("/data/id")).await
}

fn is_link(prediction: &Value) -> bool {
    let output = prediction["outputs"][0].as_str().unwrap();
    output.starts_with("http://")
}

#[tokio::test]
async fn outputs_are_inline_for_the_task_that_asked_and_links_everywhere_else() {
    let (gateway, provider, tenant) = started().await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("/hook")).await;
    provider.put_file("a.png", OutputFile::new("image/png", PNG));
    provider.produce(json!(["file:a.png", "A red cup."]));
    let asking = json!({ "prompt": "x", "enable_base64_output": true });

    let asked = run(&tenant, &asking, "").await;
    let plain = run(
        &tenant,
        &json!({ "prompt": "x", "enable_base64_output": false }),
        "",
    )
    .await;

    let inline = [STANDARD.encode(PNG), STANDARD.encode("A red cup.")];
    assert_eq!(asked["outputs"], json!(inline));
    assert_eq!(asked["objects"][0]["content_type"], "image/png");
    assert!(is_link(&plain), "{plain}");
    let id = asked["id"].as_str().unwrap();
    for path in ["/api/v3/predictions/", "/api/v2/predictions/"] {
        let suffix = if path.contains("v2") { "/result" } else { "" };
        let again = tenant.get(&format!("{path}{id}{suffix}")).await;
        assert_eq!(again.body["data"]["outputs"], json!(inline), "{path}");
    }
    let listed = tenant
        .post("/api/v3/predictions", &json!({ "page": 1 }))
        .await;
    let items = listed.body["data"]["items"].as_array().unwrap();
    assert!(items.len() == 2 && items.iter().all(is_link), "{items:?}");
    let event = &receiver.about(id, 1).await[0];
    assert!(is_link(&event.json()["data"]), "{}", event.json());
    assert!(
        provider
            .submitted()
            .iter()
            .all(|inputs| inputs.get("enable_base64_output").is_none()),
        "the provider is not asked for base64"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn outputs_over_the_bound_are_links_and_an_odd_flag_is_refused() {
    let (gateway, provider, tenant) = started().await;
    let large = [PNG, &[0; BOUND]].concat();
    provider.put_file("large.png", OutputFile::new("image/png", large.clone()));
    provider.produce(json!(["file:large.png"]));
    let asking = json!({ "prompt": "x", "enable_base64_output": true });

    let prediction = run(&tenant, &asking, "").await;
    let url = prediction["outputs"][0].as_str().unwrap();

    assert!(is_link(&prediction), "{prediction}");
    assert_eq!(tenant.download(url).await, large);
    let odd = json!({ "prompt": "x", "enable_base64_output": "yes" });
    let refused = tenant.post(&format!("/api/v3/{MODEL}"), &odd).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text("/field")),
        (400, "enable_base64_output".to_owned())
    );
    gateway.stop().await;
}

#[tokio::test]
async fn sync_mode_answers_with_the_outputs_inline() {
    let (gateway, provider, tenant) = started().await;
    provider.put_file("a.png", OutputFile::new("image/png", PNG));
    provider.produce(json!(["file:a.png"]));
    let inputs = json!({
        "prompt": "x", "enable_base64_output": true, "enable_sync_mode": true
    });

    let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;

    assert_eq!(
        answer.text("/data/status"),
        "completed",
        "{:?}",
        answer.body
    );
    assert_eq!(answer.text("/data/outputs/0"), STANDARD.encode(PNG));
    assert!(answer.headers.contains_key("fluxgate-price-usd"));
    gateway.stop().await;
}

/// The provider may answer with base64 whatever it was asked.
#[tokio::test]
async fn base64_from_the_provider_is_archived_like_any_output() {
    let (gateway, provider, tenant) = started().await;
    let bare = STANDARD.encode(PNG);
    provider.produce(json!([bare, format!("data:image/png;base64,{bare}")]));

    let prediction = run(&tenant, &json!({ "prompt": "x" }), "").await;

    for n in 0..2 {
        let url = prediction["outputs"][n].as_str().unwrap();
        assert_eq!(tenant.download(url).await, PNG);
        assert_eq!(prediction["objects"][n]["content_type"], "image/png");
    }
    gateway.stop().await;
}
