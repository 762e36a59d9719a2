//! The OpenAPI documents at the functions, which have no page to show them.

use fluxgate_tests::Stack;
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn the_functions_serve_the_documents_and_no_page() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let get = async |path: &str| tenant.send(tenant.http().get(tenant.url(path))).await;

    let tenants = get("/openapi.json").await;
    let events = get("/webhooks.openapi.json").await;
    let (status, operators) = stack
        .admin_call(Method::GET, "/admin/v1/openapi.json", &Value::Null)
        .await;

    assert_eq!(tenants.status, 200);
    let url = tenants.text("/servers/0/url");
    assert_eq!(url, stack.gateway_url().trim_end_matches('/'));
    assert!(events.body["webhooks"]["task.completed"].is_object());
    assert_eq!((status, &operators["openapi"]), (200, &"3.1.0".into()));
    for path in ["/docs", "/docs/", "/docs/swagger-ui-bundle.js"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
}
