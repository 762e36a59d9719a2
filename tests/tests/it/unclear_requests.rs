//! What a request may mean in two ways is refused, and the text says how to say it.

use fluxgate_core::tenant::TenantState;
use fluxgate_tests::Gateway;
use fluxgate_tests::tenant::MODEL;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn a_misspelt_parameter_of_the_admin_api_is_named_with_the_nearest_and_nothing_is_changed() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);

    let misspelt = operator.delete("/tenants/acme?forget_balanse=true").await;
    let none = operator
        .post("/tenants/acme/suspend?force=true", &json!({}))
        .await;
    let other = operator.get("/audit?page=2").await;
    let right = operator.get("/audit?limit=1").await;

    for (refused, field, wanted) in [
        (&misspelt, "forget_balanse", "write 'forget_balance'"),
        (&none, "force", "this route takes none"),
        (&other, "page", "there are before, limit"),
    ] {
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{:?}",
            refused.body
        );
        assert_eq!(refused.body["code"], json!("invalid_parameter"));
        assert_eq!(refused.body["field"], json!(field));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(wanted), "{detail}");
    }
    assert_eq!(right.status, StatusCode::OK);
    let folder = gateway.server.folder();
    let left = folder.operator(None).tenant(&tenant.id).await.unwrap();
    assert_eq!(left.state, TenantState::Active);
}

#[tokio::test]
async fn two_callbacks_of_one_submit_are_refused_unless_they_are_the_same() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut inputs = tenant.inputs().await;
    inputs["webhook_url"] = json!("http://127.0.0.1:9/body");
    let submit = async |callback: &str| {
        let query = url::form_urlencoded::byte_serialize(callback.as_bytes()).collect::<String>();
        let path = format!("/api/v3/{MODEL}?webhook={query}");
        tenant.post(&path, &inputs).await
    };

    let two = submit("http://127.0.0.1:9/query").await;
    let same = submit("http://127.0.0.1:9/body").await;
    let empty = submit("").await;

    assert_eq!(two.status, StatusCode::BAD_REQUEST, "{:?}", two.body);
    let text = two.body.to_string();
    assert!(text.contains("name two addresses"), "{text}");
    assert_eq!(
        (same.status, empty.status),
        (StatusCode::OK, StatusCode::OK)
    );
}

#[tokio::test]
async fn a_picture_s_host_is_a_name_as_a_callback_s_is() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for host in ["a..example", "-a.example", "a*b.example"] {
        let inputs = json!({ "prompt": "x", "image": format!("https://{host}/1.png") });
        let refused = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{host}: {:?}",
            refused.body
        );
        let text = refused.body.to_string();
        assert!(
            text.contains("names a host that cannot be"),
            "{host}: {text}"
        );
    }
}
