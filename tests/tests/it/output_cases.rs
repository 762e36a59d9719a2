//! What a provider may call an output, by its first bytes: each is archived and served as what its
//! bytes are, in the order that the provider gave; what is no output ends the task unpaid.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_tests::other_provider::entry;
use fluxgate_tests::{Gateway, GatewayOptions, OtherProvider, OutputFile, TestTenant};
use serde_json::{Value, json};

/// Its name, its first bytes, what it is served as, and whether a browser may show it.
const CASES: [(&str, &str, &str, bool); 16] = [
    (
        "glb",
        "Z2xURgIAAAAUAAAAAAAAAAAAAAA=",
        "model/gltf-binary",
        false,
    ),
    (
        "svg",
        "PHN2ZyB4bWxucz0naHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmcnPjxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD48L3N2Zz4=",
        "image/svg+xml",
        false,
    ),
    (
        "html",
        "PCFkb2N0eXBlIGh0bWw+PHRpdGxlPng8L3RpdGxlPg==",
        "application/octet-stream",
        false,
    ),
    (
        "safetensors",
        "AgAAAAAAAAB7fQ==",
        "application/octet-stream",
        false,
    ),
    (
        "json",
        "eyJjYXB0aW9uIjoiYSBjdXAifQ==",
        "application/json",
        false,
    ),
    (
        "text",
        "RWluZSByb3RlIFRhc3NlLg==",
        "text/plain; charset=utf-8",
        false,
    ),
    (
        "zip",
        "UEsDBAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "application/zip",
        false,
    ),
    (
        "mp3-1",
        "//qQZAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "audio/mpeg",
        true,
    ),
    (
        "mp3-2.5",
        "/+MYxAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "audio/mpeg",
        true,
    ),
    (
        "iso7",
        "AAAAGGZ0eXBpc283AAAAAGlzbzdtcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
    (
        "iso8",
        "AAAAGGZ0eXBpc284AAAAAGlzbzhtcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
    (
        "iso9",
        "AAAAGGZ0eXBpc285AAAAAGlzbzltcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
    (
        "hvc1",
        "AAAAGGZ0eXBodmMxAAAAAGh2YzFtcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
    (
        "cmfc",
        "AAAAGGZ0eXBjbWZjAAAAAGNtZmNtcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
    (
        "xavc",
        "AAAAGGZ0eXBYQVZDAAAAAFhBVkNtcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
    (
        "3gp5",
        "AAAAGGZ0eXAzZ3A1AAAAADNncDVtcDQyAAAACG1kYXQ=",
        "video/mp4",
        true,
    ),
];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
const PICTURES: &str = "acme-ai/pictures";
const ANYTHING: &str = "acme-ai/anything/v1/large";

struct Case {
    gateway: Gateway,
    provider: OtherProvider,
    tenant: TestTenant,
}

impl Case {
    async fn start() -> Self {
        let models = vec![
            entry(PICTURES, "text-to-image"),
            entry(ANYTHING, "training"),
        ];
        let provider = OtherProvider::start(models).await;
        let gateway = Gateway::with(GatewayOptions::before(&provider)).await;
        let tenant = gateway.tenant("acme", "100").await;
        Self {
            gateway,
            provider,
            tenant,
        }
    }

    /// The ended prediction of a run that produces this.
    async fn run(&self, model: &str, outputs: Value) -> Value {
        self.provider.produce(outputs);
        let submitted = self
            .tenant
            .post(&format!("/api/v3/{model}"), &json!({ "prompt": "x" }))
            .await;
        assert_eq!(submitted.status, 200, "{:?}", submitted.body);
        self.tenant.ended(&submitted.text("/data/id")).await
    }

    /// What the bucket says of an output, and its bytes.
    async fn served(&self, prediction: &Value, n: usize) -> (String, bool, Vec<u8>) {
        let url = prediction["outputs"][n].as_str().unwrap();
        let answer = self.tenant.http().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let content_type = header("content-type").unwrap_or_default();
        let is_inline = header("content-disposition").as_deref() != Some("attachment");
        (
            content_type,
            is_inline,
            answer.bytes().await.unwrap().into(),
        )
    }
}

fn content_types(prediction: &Value) -> Vec<&str> {
    let objects = prediction["objects"].as_array().unwrap();
    objects
        .iter()
        .map(|object| object["content_type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_file_is_served_as_what_its_bytes_are_in_the_provider_s_order() {
    let case = Case::start().await;
    let mut links = Vec::new();
    for (name, base64, ..) in CASES {
        let bytes = STANDARD.decode(base64).unwrap();
        let file = OutputFile::new("image/png", bytes);
        case.provider.put_file(name, file);
        links.push(json!(format!("file:{name}")));
    }
    let embedded = |(_, base64, ..): &(_, &str, _, _)| json!(format!("data:;base64,{base64}"));

    let linked = case.run(ANYTHING, Value::Array(links)).await;
    let embedded = case
        .run(ANYTHING, CASES.iter().map(embedded).collect())
        .await;

    for prediction in [&linked, &embedded] {
        assert_eq!(prediction["status"], "completed", "{prediction}");
        for (n, (name, base64, content_type, is_inline)) in CASES.into_iter().enumerate() {
            let served = case.served(prediction, n).await;
            let wanted = (
                content_type.to_owned(),
                is_inline,
                STANDARD.decode(base64).unwrap(),
            );
            assert_eq!(served, wanted, "{name}");
        }
    }
    case.gateway.stop().await;
}

#[tokio::test]
async fn a_text_among_pictures_and_objects_around_links_lose_nothing() {
    let case = Case::start().await;
    for name in ["a", "b", "c", "d"] {
        let bytes = [PNG, name.as_bytes()].concat();
        case.provider
            .put_file(name, OutputFile::new("image/png", bytes));
    }

    let prediction = case
        .run(
            PICTURES,
            json!([
                "file:a",
                "A red cup.",
                {"url": "file:b", "download_url": "file:b", "width": 512, "seed": null},
                {"caption": "a cup", "score": 0.5},
                {"image": {"url": "file:c"}, "timings": {"inference": 1}},
                STANDARD.encode(PNG),
                {"images": [{"url": "file:d", "content_type": "image/png"}]},
                true
            ]),
        )
        .await;

    assert_eq!(prediction["status"], "completed", "{prediction}");
    assert_eq!(
        content_types(&prediction),
        [
            "image/png",
            "text/plain; charset=utf-8",
            "image/png",
            "application/json",
            "image/png",
            "image/png",
            "image/png",
            "text/plain; charset=utf-8"
        ]
    );
    for (n, bytes) in [
        (0, &[PNG, b"a"].concat()[..]),
        (1, b"A red cup."),
        (2, &[PNG, b"b"].concat()),
        (3, br#"{"caption":"a cup","score":0.5}"#),
        (4, &[PNG, b"c"].concat()),
        (5, PNG),
        (6, &[PNG, b"d"].concat()),
        (7, b"true"),
    ] {
        assert_eq!(case.served(&prediction, n).await.2, bytes, "output {n}");
    }
    assert_eq!(prediction["charged_usd"], 1.0);
    case.gateway.stop().await;
}

#[tokio::test]
async fn what_is_no_output_ends_the_task_unpaid_and_says_why() {
    let case = Case::start().await;
    let page = OutputFile::new("image/png", "<!doctype html><title>x</title>");
    case.provider.put_file("page.png", page);
    case.provider
        .put_file("empty", OutputFile::new("image/png", ""));
    let huge = OutputFile {
        announced: Some(3 << 30),
        ..OutputFile::new("image/png", PNG)
    };
    case.provider.put_file("huge", huge);

    for (outputs, reason, why) in [
        (json!(["file:page.png"]), "output_not_media", "promised"),
        (json!(["<html><body>busy"]), "output_not_media", "promised"),
        (json!(["Out of memory."]), "output_not_media", "promised"),
        (json!(["Out of", "memory."]), "output_not_media", "promised"),
        (json!(["file:huge"]), "output_too_large", "output_bytes_max"),
        (json!(["file:empty"]), "output_empty", "no bytes"),
        (json!([]), "no_outputs", "without any output"),
        (json!([null, "", []]), "no_outputs", "without any output"),
    ] {
        let prediction = case.run(PICTURES, outputs.clone()).await;

        assert_eq!(prediction["status"], "failed", "{outputs}: {prediction}");
        assert_eq!(prediction["reason"], reason, "{outputs}: {prediction}");
        let error = prediction["error"].as_str().unwrap();
        assert!(error.contains(why), "{outputs}: {error}");
    }
    assert!((case.tenant.balance_usd().await - 100.0).abs() < 1e-9);
    case.gateway.stop().await;
}
