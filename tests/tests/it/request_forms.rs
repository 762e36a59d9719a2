//! Requests in a form that could be misread are refused with what to send instead; those of real
//! clients pass.

use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, Stack, TestTenant};
use serde_json::json;

/// Status and first line of the body.
async fn raw(url: &str, head: &str, body: &str) -> (String, String) {
    let mut client = RawClient::connect(url).await;
    client
        .send(&format!("{head}\r\nconnection: close\r\n\r\n{body}"))
        .await;
    let answer = client.rest().await;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or((answer.as_str(), ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    (
        status.to_owned(),
        body.lines().next().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn a_head_that_two_servers_may_read_differently_is_refused_on_every_listener() {
    let gateway = Gateway::start().await;

    for url in [gateway.server.base_url(), gateway.server.s3_url()] {
        let none = raw(&url, "GET /healthz HTTP/1.1\r\nx: y", "").await;
        assert_eq!(
            (none.0.as_str(), none.1.contains("Host header")),
            ("400", true),
            "{url}: {none:?}"
        );
        let two = raw(&url, "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b", "").await;
        assert_eq!(
            (
                two.0.as_str(),
                two.1.contains("send exactly one Host header")
            ),
            ("400", true),
            "{url}: {two:?}"
        );
        let coded = "POST /v1/endpoints HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked";
        let coded = raw(&url, coded, "2\r\n{}\r\n0\r\n\r\n").await;
        assert_eq!(
            (
                coded.0.as_str(),
                coded.1.contains("transfer coding is 'chunked'")
            ),
            ("501", true),
            "{url}: {coded:?}"
        );
    }
    let url = gateway.server.base_url();
    let old = raw(&url, "GET /healthz HTTP/1.0\r\nx: y", "").await;
    assert_eq!(
        (old.0.as_str(), old.1.contains("\"ok\"")),
        ("200", true),
        "{old:?}"
    );
    let chunked = "POST /v1/endpoints HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked";
    assert_eq!(raw(&url, chunked, "2\r\n{}\r\n0\r\n\r\n").await.0, "401");
    // The S3 clients of AWS say so of every object that they send with a checksum behind it.
    let object =
        "PUT /bucket/key HTTP/1.1\r\nhost: a\r\ncontent-encoding: aws-chunked\r\ncontent-length: 0";
    assert_eq!(raw(&gateway.server.s3_url(), object, "").await.0, "403");
}

async fn sent(tenant: &TestTenant, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let request = tenant.http().post(tenant.url(path)).body(body.to_vec());
    tenant
        .send(headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        }))
        .await
}

fn refused(answer: &Answer) -> (u16, String, String) {
    let code = answer
        .body
        .get("error_code")
        .or_else(|| answer.body.get("code"));
    (
        answer.status.as_u16(),
        code.and_then(|code| code.as_str())
            .unwrap_or_default()
            .to_owned(),
        answer.text("/field"),
    )
}

const GZIP: (&str, &str) = ("content-encoding", "gzip");
const LATIN_1: (&str, &str) = ("content-type", "application/json; charset=iso-8859-1");

async fn forms_are_refused(tenant: &TestTenant) {
    let encoding = (
        415,
        "unsupported_content_encoding".to_owned(),
        "Content-Encoding".to_owned(),
    );
    let charset = (
        415,
        "unsupported_charset".to_owned(),
        "Content-Type".to_owned(),
    );
    for path in [
        &format!("/api/v3/{MODEL}"),
        "/api/v3/media/upload/binary",
        "/v1/endpoints",
    ] {
        let gzip = sent(tenant, path, &[GZIP], b"\x1f\x8b\x08\0").await;
        assert_eq!(refused(&gzip), encoding, "{path}: {:?}", gzip.body);
        let latin_1 = sent(tenant, path, &[LATIN_1], b"{}").await;
        assert_eq!(refused(&latin_1), charset, "{path}: {:?}", latin_1.body);
    }
    let utf_8 = [
        ("content-type", "application/json; charset=UTF-8"),
        ("content-encoding", "identity"),
    ];
    assert_eq!(
        sent(tenant, "/api/v3/predictions", &utf_8, b"{}")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_compressed_body_and_json_that_is_not_utf_8_are_415() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    forms_are_refused(&tenant).await;

    let admin = tenant
        .http()
        .post(gateway.url("/admin/v1/tenants"))
        .header("content-encoding", "br")
        .body("x");
    let admin = admin
        .bearer_auth(gateway.server.folder().secrets.admin_token.expose())
        .send()
        .await
        .unwrap();
    assert_eq!(admin.status(), 415);
    let bom = sent(&tenant, "/v1/endpoints", &[], b"\xef\xbb\xbf{}").await;
    assert_eq!(refused(&bom).1, "invalid_json");
    assert!(
        bom.text("/detail").contains("byte order mark"),
        "{:?}",
        bom.body
    );
}

const NOWHERE: [&str; 6] = [
    "https://a..b/",
    "https://.example.com/",
    "https://-x/",
    "https:///x",
    "https://example.com/\0",
    "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/",
];

async fn nowhere_is_refused(tenant: &TestTenant) {
    for url in NOWHERE {
        let endpoint = tenant.post("/v1/endpoints", &json!({ "url": url })).await;
        let told = (400, "invalid_callback_url".to_owned());
        assert_eq!(
            refused(&endpoint),
            (told.0, told.1.clone(), "url".to_owned()),
            "{url:?}"
        );
        let mut path = reqwest::Url::parse(&tenant.url(&format!("/api/v3/{MODEL}"))).unwrap();
        path.query_pairs_mut().append_pair("webhook", url);
        let submit = tenant
            .send(tenant.http().post(path).json(&json!({ "prompt": "x" })))
            .await;
        assert_eq!(
            refused(&submit),
            (told.0, told.1, "webhook".to_owned()),
            "{url:?}"
        );
    }
}

#[tokio::test]
async fn a_callback_url_that_can_never_work_is_refused_wherever_it_is_given() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    nowhere_is_refused(&tenant).await;

    assert_eq!(tenant.get("/v1/endpoints").await.body, json!([]));
    let odd = json!({ "url": "https://hooks.example/", "event_types": ["é".repeat(20_000)] });
    let odd = tenant.post("/v1/endpoints", &odd).await;
    let told = odd.text("/detail");
    assert!(
        told.len() < 400 && told.contains("task.completed, task.failed"),
        "{told}"
    );
}

#[tokio::test]
async fn on_aws_bodies_and_callback_urls_are_refused_alike() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;

    forms_are_refused(&tenant).await;
    nowhere_is_refused(&tenant).await;
}

#[tokio::test]
async fn advice_on_a_large_body_is_of_the_route_and_a_ticket_names_its_field() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let billings = tenant
        .post(
            "/api/v3/billings/search",
            &json!({ "sort": "x".repeat(70_000) }),
        )
        .await;
    let no_size = tenant
        .post("/api/v3/media/uploads", &json!({ "filename": "cat.png" }))
        .await;

    assert_eq!(refused(&billings).1, "body_too_large");
    assert!(
        !billings.text("/message").contains("picture"),
        "{:?}",
        billings.body
    );
    assert_eq!(
        refused(&no_size),
        (400, "missing_parameter".to_owned(), "size".to_owned())
    );
    assert_eq!(gateway.emulator.request_count("upload_ticket"), 0);
}
