//! The page at /docs: its files, the documents that it shows, and what it may do.

use fluxgate_tests::Gateway;
use reqwest::Response;

async fn get(gateway: &Gateway, path: &str) -> Response {
    let request = gateway.http().get(gateway.url(path));
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_page_has_its_files_and_its_documents_beside_it() {
    let gateway = Gateway::start().await;

    let page = get(&gateway, "/docs").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    for file in [
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "swagger-initializer.js",
    ] {
        assert!(page.contains(file), "{file}");
        let answer = get(&gateway, &format!("/docs/{file}")).await;
        assert_eq!(answer.status(), 200, "{file}");
        assert!(!answer.bytes().await.unwrap().is_empty(), "{file}");
    }

    let script = get(&gateway, "/docs/swagger-initializer.js").await;
    let script = script.text().await.unwrap();
    for document in ["/openapi.json", "/webhooks.openapi.json"] {
        assert!(script.contains(&format!("\"{document}\"")), "{document}");
        assert_eq!(get(&gateway, document).await.status(), 200);
    }
    assert_eq!(get(&gateway, "/docs/nothing.js").await.status(), 404);
}

/// A token that was typed in stays in the page: nothing stores it, and no other host is called.
#[tokio::test]
async fn the_page_can_send_a_token_nowhere_else() {
    let gateway = Gateway::start().await;

    let page = get(&gateway, "/docs/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    let own = gateway.server.base_url();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(
        policy.ends_with(&format!("connect-src 'self' {own}")),
        "{policy}"
    );
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");

    let script = get(&gateway, "/docs/swagger-initializer.js").await;
    let script = script.text().await.unwrap();
    for wanted in [
        "\"persistAuthorization\": false",
        "\"queryConfigEnabled\": false",
        "\"validatorUrl\": \"none\"",
    ] {
        assert!(script.contains(wanted), "{wanted}: {script}");
    }
}
