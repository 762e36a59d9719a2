//! Which addresses a tenant's URLs may reach: every purpose and every form of an address, through
//! the API.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::secret::Secret;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::server::Server;
use fluxgate_local::settings::Settings;
use fluxgate_tests::dns_server::SILENT;
use fluxgate_tests::gateway::{free_address, quick};
use fluxgate_tests::operator::TestIssuer;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{DnsServer, Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

/// Nothing private is allowed; the provider is at a loopback address all the same.
async fn strict(dns: &DnsServer) -> Gateway {
    let dns = Some(dns.clone());
    Gateway::with(GatewayOptions {
        allow_loopback: false,
        dns,
        ..GatewayOptions::default()
    })
    .await
}

async fn submit(tenant: &TestTenant, image: &str, webhook: Option<&str>) -> Answer {
    let query = webhook
        .map(|url| format!("?webhook={url}"))
        .unwrap_or_default();
    tenant
        .post(
            &format!("/api/v3/{MODEL}{query}"),
            &json!({ "prompt": "x", "image": image }),
        )
        .await
}

fn refused(answer: &Answer, code: &str, field: &str, what: &str) {
    let told = answer.text(if answer.body.get("error_code").is_some() {
        "/error_code"
    } else {
        "/code"
    });
    assert_eq!(
        (
            answer.status.as_u16(),
            told.as_str(),
            answer.text("/field").as_str()
        ),
        (400, code, field),
        "{what}"
    );
}

#[tokio::test]
async fn the_provider_s_address_is_for_its_outputs_and_uploads_and_for_nothing_else() {
    let dns = DnsServer::start().await;
    dns.set("provider.example", "127.0.0.1", 60);
    let gateway = strict(&dns).await;
    let tenant = gateway.tenant("acme", "1").await;
    let provider = gateway.emulator.base_url();
    let by_name = format!(
        "https://provider.example:{}",
        gateway.emulator.addr().port()
    );
    let mapped = provider.replace("127.0.0.1", "[::ffff:127.0.0.1]");

    for base in [provider.as_str(), by_name.as_str(), mapped.as_str()] {
        for path in [
            "/media/1/hook",
            "/outputs/1/0.jpg",
            "/_emulator/faults",
            "/",
        ] {
            let url = format!("{base}{path}");
            let endpoint = tenant.post("/v1/endpoints", &json!({ "url": url })).await;
            refused(&endpoint, "forbidden_address", "url", &url);
            refused(
                &submit(&tenant, PICTURE, Some(&url)).await,
                "forbidden_address",
                "webhook",
                &url,
            );
        }
        for path in [
            "/_emulator/runs",
            "/outputs/1/0.jpg",
            "/media/../_emulator/runs",
            "/media/..%2f_emulator/runs",
            "/media/..%5C_emulator/runs",
        ] {
            let url = format!("{base}{path}");
            refused(
                &submit(&tenant, &url, None).await,
                "forbidden_address",
                "image",
                &url,
            );
        }
    }
    assert_eq!(gateway.emulator.request_count("submit"), 0);

    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(
        tenant.ended(&task).await["status"],
        "completed",
        "an upload is a picture, and the output is fetched"
    );
}

#[tokio::test]
async fn a_key_set_is_not_fetched_from_the_provider_s_address() {
    let dns = DnsServer::start().await;
    dns.set("provider.example", "127.0.0.1", 60);
    let gateway = strict(&dns).await;
    let by_name = format!(
        "https://provider.example:{}",
        gateway.emulator.addr().port()
    );

    for (n, base) in [gateway.emulator.base_url(), by_name].iter().enumerate() {
        let issuer = TestIssuer::new(&format!("https://issuer-{n}.example"));
        let mut trust = issuer.trust();
        trust["keys"] = json!({ "jwks_url": format!("{base}/media/1/keys.json") });
        let name = format!("tenant-{n}");
        gateway.operator().tenant(&name, &[trust], "1").await;

        let answer = issuer
            .caller(&name, &gateway.server.base_url(), None)
            .get("/v1/endpoints")
            .await;

        assert_eq!(
            (answer.status.as_u16(), answer.text("/code").as_str()),
            (503, "key_set_unavailable"),
            "{base}"
        );
    }
    assert_eq!(gateway.emulator.request_count("media"), 0);
}

/// The endpoint's name was good when it was registered. What counts is where it leads when the
/// callback goes out.
#[tokio::test]
async fn a_callback_does_not_follow_its_name_into_the_operator_s_network() {
    let dns = DnsServer::start().await;
    let gateway = strict(&dns).await;
    let tenant = gateway.tenant("acme", "1").await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://turncoat.example:{}/hook",
        inside.local_addr().unwrap().port()
    );
    dns.set_in_turn("turncoat.example", &["8.8.8.8", "127.0.0.1"], 0);
    tenant.endpoint(&url).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let error = eventually("an attempt", || async {
        let timeline = tenant.timeline(&task).await;
        timeline
            .pointer("/deliveries/0/attempts/0/error")
            .and_then(Value::as_str)
            .map(str::to_owned)
    });
    let error = tokio::select! {
        error = error => error,
        _ = inside.accept() => panic!("a callback went into the operator's network"),
    };

    assert!(
        error.contains("turncoat.example") && error.contains("not public"),
        "{error}"
    );
}

#[tokio::test]
async fn what_costs_nothing_is_checked_before_a_name_is_looked_up() {
    let dns = DnsServer::start().await;
    dns.set("pictures.example", "8.8.8.8", 60);
    dns.set("hooks.example", "8.8.8.8", 60);
    let gateway = strict(&dns).await;
    let tenant = gateway.tenant("acme", "1").await;
    let picture = "https://pictures.example/a.png";
    let hook = "https://hooks.example/hook";

    refused(
        &submit(&tenant, picture, Some("https://10.0.0.1/")).await,
        "forbidden_address",
        "webhook",
        "a webhook",
    );
    refused(
        &submit(&tenant, "https://[::1]/a.png", Some(hook)).await,
        "forbidden_address",
        "image",
        "a picture",
    );
    refused(
        &submit(&tenant, picture, Some("https://hooks.example:0/")).await,
        "invalid_callback_url",
        "webhook",
        "a port",
    );
    refused(
        &submit(&tenant, "https://pictures.example:0/a.png", Some(hook)).await,
        "invalid_port",
        "image",
        "a port",
    );
    let odd = tenant
        .post(
            "/v1/endpoints",
            &json!({ "url": hook, "event_types": ["task.eaten"] }),
        )
        .await;
    refused(&odd, "invalid_parameter", "event_types", "an event");
    for n in 0..16 {
        tenant.endpoint(&format!("https://8.8.8.8/{n}")).await;
    }
    let over = tenant.post("/v1/endpoints", &json!({ "url": hook })).await;

    assert_eq!(
        (over.status.as_u16(), over.text("/code").as_str()),
        (409, "too_many_endpoints")
    );
    assert_eq!(
        (dns.asked("pictures.example"), dns.asked("hooks.example")),
        (0, 0)
    );
    assert_eq!(submit(&tenant, picture, Some(hook)).await.status, 200);
    assert_eq!(
        (dns.asked("pictures.example"), dns.asked("hooks.example")),
        (1, 1)
    );
}

/// The emulator's models take four pictures at most: this provider has one that leaves it open.
async fn of_a_provider_that_bounds_no_list() -> (Server, TestTenant, tempfile::TempDir) {
    let schema = json!({ "type": "object", "required": ["images"], "properties": { "images": { "type": "array" } } });
    let entry = json!({
        "model_id": MODEL, "base_price": 0.08, "type": "image-to-image", "formula": "",
        "api_schema": { "api_schemas": [{ "type": "model_run", "request_schema": schema }] }
    });
    let models = axum::routing::get(move || async move {
        axum::Json(json!({ "code": 200, "message": "success", "data": [entry] }))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = format!("http://{}", listener.local_addr().unwrap());
    let serving = axum::serve(
        listener,
        axum::Router::new().route("/api/v3/models", models),
    );
    tokio::spawn(serving.into_future());
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        data: folder.path().join("data"),
        listen: free_address(),
        s3_listen: Some("127.0.0.1:0".parse().unwrap()),
        provider: Some(provider),
        provider_key: Some(Secret::new("wsk_of_the_test").into()),
        bounds: quick(),
        ..Settings::default()
    };
    let server = Server::start(settings).await.unwrap();
    let id = TenantId::parse("acme").unwrap();
    server
        .folder()
        .add_tenant(&id, MicroUsd(10_000_000))
        .await
        .unwrap();
    let token = server.folder().token(&id, 3_600_000).await.unwrap();
    let tenant = TestTenant::new(id, &server.base_url(), token);
    (server, tenant, folder)
}

#[tokio::test]
async fn a_submit_names_64_addresses_at_most_with_its_callback_among_them() {
    let (server, tenant, _folder) = of_a_provider_that_bounds_no_list().await;
    let submit = async |pictures: usize, query: &str| {
        let images: Vec<String> = (0..pictures)
            .map(|n| format!("https://8.8.8.8/{n}.png"))
            .collect();
        tenant
            .post(
                &format!("/api/v3/{MODEL}{query}"),
                &json!({ "images": images }),
            )
            .await
    };

    let pictures = submit(65, "").await;
    let callback = submit(64, "?webhook=https://8.8.8.8/hook").await;
    let as_many = submit(64, "").await;

    refused(&pictures, "too_many_addresses", "images", "65 pictures");
    refused(
        &callback,
        "too_many_addresses",
        "webhook",
        "64 pictures and a callback",
    );
    for over in [pictures, callback] {
        assert_eq!(
            over.text("/message"),
            "the request names 65 addresses; at most 64 are allowed"
        );
    }
    assert_eq!(as_many.status, 200, "{:?}", as_many.body);
    server.stop().await;
}

/// Eight such names at once used to block all look-ups.
#[tokio::test]
async fn names_that_never_answer_make_no_other_tenant_s_callback_fail() {
    let dns = DnsServer::start().await;
    dns.set("hooks.example", "127.0.0.1", 0);
    let faults = Faults {
        tiny_output: Fault::Always,
        ..Faults::default()
    };
    let gateway = Gateway::with(GatewayOptions {
        dns: Some(dns.clone()),
        faults,
        ..GatewayOptions::default()
    })
    .await;
    let (hostile, tenant) = (
        gateway.tenant("hostile", "1000").await,
        gateway.tenant("acme", "10").await,
    );
    let receiver = LiveReceiver::start().await;
    tenant
        .endpoint(&receiver.url("events").replace("127.0.0.1", "hooks.example"))
        .await;
    let inputs = tenant.inputs().await;
    let flood = |n: usize| {
        let (hostile, image) = (hostile.clone(), inputs["image"].clone());
        tokio::spawn(async move {
            for m in 0.. {
                let path = format!("/api/v3/{MODEL}?webhook=https://{n}-{m}{SILENT}/hook");
                hostile
                    .post(&path, &json!({ "prompt": "x", "image": image }))
                    .await;
            }
        })
    };
    let flood: Vec<_> = (0..24).map(flood).collect();
    eventually("a flood", || async {
        (dns.silent_names() >= 8).then_some(())
    })
    .await;

    for _ in 0..5 {
        let task = tenant.submit(&inputs).await;
        receiver.about(&task, 1).await;
        let delivered = eventually("the attempt", || async {
            let timeline = tenant.timeline(&task).await;
            timeline
                .pointer("/deliveries/0/attempts")
                .cloned()
                .filter(|attempts| attempts != &json!([]))
        });
        assert_eq!(
            delivered.await[0]["status"],
            204,
            "the first attempt comes through"
        );
    }

    flood.iter().for_each(tokio::task::JoinHandle::abort);
}
