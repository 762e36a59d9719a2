//! Admin tokens by name: each may do what its scopes say, until it expires, is rotated or revoked.

use fluxgate_tests::{Gateway, GatewayOptions, TestOperator, eventually, process};
use serde_json::{Value, json};

async fn created(gateway: &Gateway, name: &str, scopes: &[&str]) -> TestOperator {
    let body = json!({ "name": name, "scopes": scopes });
    let answer = gateway.operator().post("/tokens", &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    bearer(gateway, &answer.text("/token"))
}

fn bearer(gateway: &Gateway, token: &str) -> TestOperator {
    TestOperator::new(&gateway.server.base_url(), token)
}

/// The status and code of a request for each scope but `metrics`.
async fn may(operator: &TestOperator) -> [(u16, String); 3] {
    let top_up = json!({ "amount_usd": "1", "reference": "scopes" });
    [
        operator.get("/tenants/acme").await,
        operator.post("/tenants/acme/suspend", &json!({})).await,
        operator.post("/tenants/acme/top-ups", &top_up).await,
    ]
    .map(|answer| (answer.status.as_u16(), answer.text("/code")))
}

#[tokio::test]
async fn a_token_may_do_what_its_scopes_say_and_the_audit_log_names_it() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let (good, refused) = ((200, String::new()), (403, "scope_missing".to_owned()));

    for (n, scope) in ["read", "write", "money", "metrics"].iter().enumerate() {
        let operator = created(&gateway, scope, &[scope]).await;

        let mut expected = [&refused, &refused, &refused];
        if let Some(allowed) = expected.get_mut(n) {
            *allowed = &good;
        }
        assert_eq!(may(&operator).await.each_ref(), expected, "{scope}");
    }
    let lacking = bearer(&gateway, "x").get("/tenants").await;
    assert_eq!(lacking.status, 401);
    let entries = gateway.operator().get("/audit").await.body["entries"].clone();
    let actors: Vec<Value> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!([entry["actor"], entry["action"]]))
        .filter(|entry| entry[1] != "admin_token.created")
        .take(2)
        .collect();
    assert_eq!(
        actors,
        [
            json!(["admin:money", "account.topped_up"]),
            json!(["admin:write", "tenant.suspended"])
        ]
    );
    let made = &entries[0];
    assert_eq!(
        (&made["actor"], &made["action"], &made["detail"]["name"]),
        (
            &json!("admin:folder"),
            &json!("admin_token.created"),
            &json!("metrics")
        )
    );
    gateway.stop().await;
}

#[tokio::test]
async fn metrics_need_a_token_with_their_scope_unless_they_are_open() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let scraped = async |token: &str| {
        let request = gateway.http().get(gateway.url("/metrics"));
        let answer = request.bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let body = json!({ "name": "prometheus", "scopes": ["metrics"] });
    let made = gateway.operator().post("/tokens", &body).await;
    let body = json!({ "name": "reader", "scopes": ["read"] });
    let reader = gateway.operator().post("/tokens", &body).await;

    assert_eq!(scraped("x").await.0, 401);
    assert_eq!(scraped(&tenant.token).await.0, 401);
    let (status, text) = scraped(&reader.text("/token")).await;
    assert!(status == 403 && text.contains("'metrics'"), "{text}");
    let (status, text) = scraped(&made.text("/token")).await;
    assert!(
        status == 200 && text.contains("fluxgate_commits_total"),
        "{text}"
    );
    gateway.stop().await;

    let open = Gateway::with(GatewayOptions {
        open_metrics: true,
        ..GatewayOptions::default()
    })
    .await;
    let answer = open.http().get(open.url("/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    open.stop().await;
}

#[tokio::test]
async fn a_token_is_shown_once_expires_and_does_not_outgrow_its_maker() {
    let gateway = Gateway::start().await;
    let body = json!({ "name": "brief", "scopes": ["read", "write"], "expires_in_s": 1 });

    let made = gateway.operator().post("/tokens", &body).await;

    let brief = bearer(&gateway, &made.text("/token"));
    assert!(made.text("/token").starts_with("fga_"), "{:?}", made.body);
    for (scopes, expected) in [
        (json!(["money"]), (403, "scope_missing")),
        (json!(["read", "all"]), (400, "invalid_parameter")),
        (json!([]), (400, "invalid_parameter")),
    ] {
        let more = json!({ "name": "more", "scopes": scopes });
        let refused = brief.post("/tokens", &more).await;
        let code = refused.text("/code");
        // It may have expired meanwhile.
        if refused.status != 401 {
            assert_eq!((refused.status.as_u16(), code.as_str()), expected);
        }
    }
    let expired = eventually("the token to expire", || async {
        let answer = brief.get("/tenants").await;
        (answer.status == 401).then_some(answer)
    })
    .await;
    assert!(expired.text("/detail").contains("expired at"));
    let listed = gateway.operator().get("/tokens").await.body;
    let shown: Vec<Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|token| json!([token["name"], token["expired"], token["token"]]))
        .collect();
    assert_eq!(
        shown,
        [json!(["folder", false, null]), json!(["brief", true, null])]
    );
    gateway.stop().await;
}

#[tokio::test]
async fn rotated_tokens_overlap_and_a_revoked_one_works_no_more() {
    let gateway = Gateway::start().await;
    let old = created(&gateway, "ci", &["read"]).await;
    let rotate = async |name: &str, overlap_s: u64| {
        let (path, body) = (
            format!("/tokens/{name}/rotate"),
            json!({ "overlap_s": overlap_s }),
        );
        gateway.operator().post(&path, &body).await
    };

    let second = rotate("ci", 3_600).await;
    assert_eq!(second.status, 200, "{:?}", second.body);
    assert!(!second.text("/old_works_until").is_empty());
    let second = bearer(&gateway, &second.text("/token"));
    assert_eq!(old.get("/tenants").await.status, 200);
    assert_eq!(second.get("/tenants").await.status, 200);
    let third = bearer(&gateway, &rotate("ci", 0).await.text("/token"));
    for gone in [&old, &second] {
        assert_eq!(gone.get("/tenants").await.status, 401);
    }
    let revoked = gateway.operator().delete("/tokens/ci").await;
    assert_eq!(revoked.status, 204);
    assert_eq!(third.get("/tenants").await.status, 401);
    assert_eq!(gateway.operator().delete("/tokens/ci").await.status, 404);
    assert_eq!(gateway.operator().delete("/tokens/A%2Fb").await.status, 404);
    let folder = gateway.operator().delete("/tokens/folder").await;
    assert_eq!(
        (folder.status.as_u16(), folder.text("/code").as_str()),
        (409, "folder_token")
    );
    gateway.stop().await;
}

#[tokio::test]
async fn the_folder_s_token_is_rotated_in_its_file() {
    let gateway = Gateway::start().await;
    let before = gateway.operator();

    let body = json!({ "overlap_s": 0 });
    let rotated = before.post("/tokens/folder/rotate", &body).await;

    assert_eq!(rotated.status, 200, "{:?}", rotated.body);
    let token = rotated.text("/token");
    assert_eq!(before.get("/tenants").await.status, 401);
    assert_eq!(bearer(&gateway, &token).get("/tenants").await.status, 200);
    let data = gateway.server.folder().path.clone();
    let printed = process::run(&["token", "--admin", "--data", data.to_str().unwrap()]);
    assert_eq!(String::from_utf8_lossy(&printed.stdout).trim(), token);
    gateway.stop().await;
}

/// By the command, which changes the folder in a process of its own.
#[tokio::test]
async fn the_commands_make_list_rotate_and_revoke_tokens_beside_a_server() {
    let gateway = Gateway::start().await;
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let does = |args: &[&str]| {
        let output = process::run(&[&["admin-tokens"], args, &["--data", &data]].concat());
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let status = async |token: &str| {
        let answer = bearer(&gateway, token).get("/tenants").await;
        answer.status.as_u16()
    };

    let token = does(&[
        "create",
        "ci",
        "--scopes",
        "read,write",
        "--expires",
        "never",
    ]);
    let token = token.as_str();
    eventually("the new token", || async {
        (status(token).await == 200).then_some(())
    })
    .await;
    let rotated = does(&["rotate", "ci", "--overlap", "1h", "--quiet"]);
    let listed: Value = serde_json::from_str(&does(&["list", "--json"])).unwrap();
    assert_eq!(
        (
            &listed[1]["name"],
            &listed[1]["created_by"],
            &listed[1]["expires_at"]
        ),
        (&json!("ci"), &json!("cli"), &json!(null))
    );
    does(&["revoke", "ci"]);

    eventually("both tokens to be refused", || async {
        (status(token).await == 401 && status(&rotated).await == 401).then_some(())
    })
    .await;
    for wrong in [
        &["create", "ci", "--scopes", "all"][..],
        &["create", "ci"],
        &["create", "ci", "--scopes", "read", "--expires", "soon"],
    ] {
        let output = process::run(&[&["admin-tokens"], wrong, &["--data", &data]].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
}
