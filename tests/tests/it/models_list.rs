//! The list of models is megabytes: it is made once, compressed once, and sent only to who does not
//! have it.

use std::io::Read as _;

use axum::Router;
use axum::routing::get;
use flate2::read::GzDecoder;
use fluxgate_core::id::TenantId;
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::{FluxgateProcess, Gateway, TestTenant, process};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

const MODELS: &str = "/api/v3/models";

async fn asked(tenant: &TestTenant, headers: &[(&str, &str)]) -> Response {
    let request = tenant
        .http()
        .get(tenant.url(MODELS))
        .bearer_auth(&tenant.token);
    let with = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    with.send().await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_client_that_has_the_list_is_told_so_until_the_list_changes() {
    let gateway = Gateway::start().await;
    let (acme, umbrella) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("umbrella", "1").await,
    );

    let first = asked(&acme, &[]).await;
    let etag = header(&first, "etag");
    assert_eq!(header(&first, "content-type"), "application/json");
    assert!(header(&first, "vary").contains("accept-encoding"));
    assert_eq!(first.json::<Value>().await.unwrap()["code"], 200);
    let strong = etag.trim_start_matches("W/").to_owned();
    for tags in [
        etag.clone(),
        format!("\"x\", {etag}"),
        strong,
        "*".to_owned(),
    ] {
        let again = asked(&acme, &[("if-none-match", &tags)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{tags}");
        assert_eq!(header(&again, "etag"), etag);
        assert_eq!(again.text().await.unwrap(), "");
    }
    assert_eq!(
        asked(&acme, &[("if-none-match", "\"x\"")]).await.status(),
        200
    );
    assert_eq!(
        header(&asked(&umbrella, &[]).await, "etag"),
        etag,
        "the same prices"
    );

    let book = json!({ "unlisted": { "price": { "markup": { "basis_points": 15_000 } } } });
    let path = "/tenants/acme/prices";
    let set = gateway.operator().put(path, &book).await;
    assert!(set.status.is_success(), "{:?}", set.body);
    let dearer = asked(&acme, &[("if-none-match", &etag)]).await;
    assert_eq!(dearer.status(), 200);
    assert_ne!(header(&dearer, "etag"), etag);
    let same = asked(&umbrella, &[("if-none-match", &etag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn the_list_is_compressed_as_the_client_accepts_it() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let plain = asked(&tenant, &[]).await;
    assert_eq!(header(&plain, "content-encoding"), "");
    let plain = plain.bytes().await.unwrap();

    let gzip = asked(&tenant, &[("accept-encoding", "gzip, deflate")]).await;
    assert_eq!(header(&gzip, "content-encoding"), "gzip");
    let gzip = gzip.bytes().await.unwrap();
    let mut unzipped = Vec::new();
    GzDecoder::new(&gzip[..])
        .read_to_end(&mut unzipped)
        .unwrap();
    let brotli = asked(&tenant, &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(header(&brotli, "content-encoding"), "br");
    let brotli = brotli.bytes().await.unwrap();
    let mut decoded = Vec::new();
    brotli::Decompressor::new(&brotli[..], 4_096)
        .read_to_end(&mut decoded)
        .unwrap();

    assert!(unzipped == plain && decoded == plain);
    assert!(gzip.len() * 2 < plain.len() && brotli.len() * 2 < plain.len());
}

/// As long as the provider's own list.
fn long_list() -> Value {
    let property = |n: usize| {
        let text = json!({ "type": "string", "description": "x".repeat(300), "x-order": n });
        (format!("input_{n}"), text)
    };
    let properties: serde_json::Map<String, Value> = (0..10).map(property).collect();
    let entry = |n: usize| {
        let schema = json!({ "type": "object", "properties": properties });
        json!({ "model_id": format!("owner/model-{n}"), "type": "text-to-image",
            "base_price": 0.01, "api_schema": { "api_schemas": [
                { "type": "model_run", "request_schema": schema }] } })
    };
    (0..950).map(entry).collect()
}

async fn provider_with(list: &Value) -> String {
    let answer = json!({ "code": 200, "message": "success", "data": list }).to_string();
    let router = Router::new().route(MODELS, get(move || std::future::ready(answer.clone())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

fn memory_mb(process: &FluxgateProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse::<u64>().unwrap() / 1_024
}

#[tokio::test]
async fn answers_share_one_copy_of_a_long_list() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let added = process::run(&["tenants", "add", "acme", "--data", &data]);
    assert!(added.status.success(), "{added:?}");
    let token = process::run(&["token", "acme", "--data", &data]).stdout;
    let list = long_list();
    let provider = provider_with(&list).await;
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    let env = [
        ("WAVESPEED_API_KEY", "key"),
        ("FLUXGATE_PROVIDER", provider.as_str()),
    ];
    let process = FluxgateProcess::serve(&args, &env, &base_url).await;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let tenant = TestTenant::new(TenantId::parse("acme").unwrap(), &base_url, token);
    let started = memory_mb(&process);
    let first = asked(&tenant, &[]).await.bytes().await.unwrap();
    assert!(first.len() > 3_500_000, "{}", first.len());
    let before = memory_mb(&process);

    let request = format!(
        "GET {MODELS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        tenant.token
    );
    let mut readers = Vec::new();
    for _ in 0..64 {
        let mut reader = RawClient::connect(&base_url).await;
        reader.send(&request).await;
        readers.push(reader);
    }
    for reader in &readers {
        reader.answer_begins().await;
    }
    let during = memory_mb(&process);

    eprintln!("memory: {started} MB, {before} MB after one list, {during} MB with 64 unread ones");
    let more = during.saturating_sub(before);
    assert!(
        more <= 30,
        "{more} MB more for 64 answers of {} bytes",
        first.len()
    );
}
