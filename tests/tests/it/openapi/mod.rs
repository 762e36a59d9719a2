//! The documents and the routes are one thing.

mod codes;
mod judged;
mod page;

use fluxgate_tests::{Gateway, TestTenant};
use serde_json::Value;

#[tokio::test]
async fn the_document_names_every_route_and_each_route_answers() {
    let gateway = Gateway::start().await;
    let document: Value = gateway
        .http()
        .get(gateway.url("/openapi.json"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let paths = document["paths"].as_object().unwrap();

    for wanted in [
        "/api/v3/{owner}/{model}",
        "/api/v3/predictions/{id}/result",
        "/api/v3/predictions/{id}",
        "/api/v2/predictions/{id}/result",
        "/api/v3/models",
        "/api/v3/balance",
        "/api/v3/user/usage_stats",
        "/api/v3/billings/search",
        "/api/v3/model/pricing",
        "/api/v3/model/price",
        "/api/v3/media/uploads",
        "/api/v3/media/upload/binary",
        "/v1/endpoints",
        "/v1/tasks/{id}/timeline",
        "/v1/usage",
        "/v1/budget",
        "/healthz",
    ] {
        assert!(paths.contains_key(wanted), "{wanted} is missing");
    }
    for (path, operations) in paths {
        for method in operations.as_object().unwrap().keys() {
            let filled = path.replace(['{', '}'], "");
            let method = method.to_uppercase().parse().unwrap();
            let answer = gateway
                .http()
                .request(method, gateway.url(&filled))
                .send()
                .await
                .unwrap();
            // Whoever knows the URL of a key set may read it; this one is of nobody.
            let expected = match path.as_str() {
                "/healthz" | "/.well-known/jwks.json" => 200,
                JWKS | OUTPUT => 404,
                _ => 401,
            };
            assert_eq!(answer.status(), expected, "{path}");
        }
    }
}

const OUTPUT: &str = "/outputs/{tenant}/{task}/{n}/{expires}/{token}";
const JWKS: &str = "/.well-known/webhooks/{tenant}/{endpoint}/jwks.json";

async fn health(gateway: &Gateway, token: Option<&str>) -> Value {
    let request = gateway.http().get(gateway.url("/healthz"));
    let request = token
        .iter()
        .fold(request, reqwest::RequestBuilder::bearer_auth);
    request.send().await.unwrap().json().await.unwrap()
}

/// The path and the token of each route that answers GET.
async fn routes_with_get(
    gateway: &Gateway,
    tenant: &TestTenant,
    task: &str,
) -> Vec<(String, String)> {
    let document: Value = gateway
        .http()
        .get(gateway.url("/openapi.json"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let got = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, operations)| operations.get("get").is_some());
    let of_tenants = got.map(|(path, _)| {
        let path = path.replace("{id}", task).replace("{month}", "2026-11");
        (path, tenant.token.clone())
    });
    let admin = gateway
        .server
        .folder()
        .secrets
        .admin_token
        .expose()
        .to_owned();
    let of_operators = [
        "tenants",
        "tenants/acme",
        "tenants/acme/prices",
        "tenants/acme/account",
        "reconcile",
        "audit",
    ]
    .map(|path| (format!("/admin/v1/{path}"), admin.clone()));
    let of_all = [("/openapi.json", String::new()), ("/metrics", admin)]
        .map(|(path, token)| (path.to_owned(), token));
    of_tenants.chain(of_operators).chain(of_all).collect()
}

#[tokio::test]
async fn every_operation_and_every_answer_is_described() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    let tenants = gateway.http().get(gateway.url("/openapi.json"));
    let tenants: Value = tenants.send().await.unwrap().json().await.unwrap();
    let operators = operator.get("/openapi.json").await.body;

    for document in [tenants, operators] {
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["servers"][0]["url"].is_string());
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert_described(&format!("{method} {path}"), operation);
            }
        }
        let codes = &document["components"]["schemas"]["ErrorCode"]["enum"];
        assert!(codes.as_array().unwrap().contains(&"not_found".into()));
    }
}

fn assert_described(place: &str, operation: &Value) {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(is_text(&operation["summary"]), "{place}");
    assert!(operation["security"].is_array(), "{place}");
    for (status, answer) in operation["responses"].as_object().unwrap() {
        assert!(is_text(&answer["description"]), "{place}: {status}");
        let refused = status.starts_with(['4', '5']);
        assert!(
            !refused || answer["content"].is_object(),
            "{place}: {status}"
        );
    }
    let parameters = operation.get("parameters").and_then(Value::as_array);
    for parameter in parameters.into_iter().flatten() {
        assert!(is_text(&parameter["description"]), "{place}: {parameter}");
    }
}

/// The list of known parameters once lacked the cursor of the encryption keys' state.
#[tokio::test]
async fn every_query_parameter_of_a_document_is_known_to_its_route() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let admin = &gateway.server.folder().secrets.admin_token;

    for (document, token) in [
        ("/openapi.json", tenant.token.as_str()),
        ("/admin/v1/openapi.json", admin.expose()),
    ] {
        let get = |path: &str| gateway.http().get(gateway.url(path)).bearer_auth(token);
        let document: Value = get(document).send().await.unwrap().json().await.unwrap();
        for (path, operations) in document["paths"].as_object().unwrap() {
            let path = path.replace("{id}", "acme");
            let parameters = operations["get"]
                .get("parameters")
                .and_then(Value::as_array);
            for parameter in parameters.into_iter().flatten() {
                // A map's members have names of their own.
                if parameter["in"] != "query" || parameter["style"] == "deepObject" {
                    continue;
                }
                let name = parameter["name"].as_str().unwrap();
                let answer = get(&format!("{path}?{name}=1")).send().await.unwrap();
                let text = answer.text().await.unwrap();
                assert!(!text.contains("there is no parameter"), "{path}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn the_operators_document_is_for_whoever_has_the_admin_token() {
    let gateway = Gateway::start().await;

    let url = gateway.url("/admin/v1/openapi.json");
    let refused = gateway.http().get(url).send().await.unwrap();

    assert_eq!(refused.status(), 401);
    assert_eq!(gateway.operator().get("/openapi.json").await.status, 200);
}

#[tokio::test]
async fn head_is_answered_wherever_get_is() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;

    for (path, token) in routes_with_get(&gateway, &tenant, &task).await {
        let get = gateway
            .http()
            .get(gateway.url(&path))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        let head = gateway
            .http()
            .head(gateway.url(&path))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();

        assert_eq!(
            (head.status(), head.headers().get("content-type")),
            (get.status(), get.headers().get("content-type"))
        );
        assert!(
            head.status() == 200
                // It takes a key with the scope for it.
                || path.starts_with("/v1/keys")
                || path.ends_with(&task)
                || path.starts_with("/v1/batches/")
                || path.starts_with("/outputs/")
                || ["/v1/budget", "/v1/events"].contains(&path.as_str())
                || path.ends_with("jwks.json"),
            "{path}: {}",
            head.status()
        );
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    let output = tenant.result(&task).await["outputs"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let head = gateway.http().head(&output).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-type"]),
        (200, &"image/jpeg".parse().unwrap())
    );
}

#[tokio::test]
async fn readyz_tells_anybody_whether_requests_should_come() {
    let gateway = Gateway::start().await;

    let answer = gateway.http().get(gateway.url("/readyz")).send().await;

    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], "ok");
    gateway.stop().await;
}

#[tokio::test]
async fn healthz_tells_strangers_that_it_serves_and_nothing_else() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for token in [None, Some("fga_0"), Some(tenant.token.as_str())] {
        let health = health(&gateway, token).await;
        let names: Vec<&String> = health.as_object().unwrap().keys().collect();
        assert_eq!(names, ["status", "version"]);
        assert_eq!(health["status"], "ok");
    }
}

#[tokio::test]
async fn healthz_names_the_settings_to_the_operator_and_no_secret() {
    let gateway = Gateway::start().await;
    let token = gateway
        .server
        .folder()
        .secrets
        .admin_token
        .expose()
        .to_owned();

    let health = health(&gateway, Some(&token)).await;

    assert_eq!(
        (&health["status"], &health["completion"]),
        (&"ok".into(), &"webhook".into())
    );
    for name in [
        "data",
        "listen",
        "s3_listen",
        "base_url",
        "s3_public_url",
        "public_url",
        "provider",
        "provider_rate_per_minute",
        "provider_concurrency",
        "allow_net",
        "dns_server",
        "log",
        "stop_max_ms",
    ] {
        assert!(health["settings"][name].is_string(), "{name}");
    }
    for secret in [gateway.emulator.api_key(), token.as_str()] {
        assert!(!health.to_string().contains(secret));
    }
}
