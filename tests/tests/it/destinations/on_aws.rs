//! AWS from local mode, and other stores from AWS.

use fluxgate_core::id::TenantId;
use fluxgate_emulator::Emulator;
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::odd_store::{BUCKET, OtherStore};
use fluxgate_tests::{FluxgateProcess, Ministack, Stack, TestOperator, TestTenant, process};
use serde_json::json;

use super::{completed, key};

#[tokio::test]
async fn the_functions_write_to_another_store_with_its_keys_and_the_gateway_links_there() {
    let stack = Stack::start().await;
    let store = OtherStore::start();
    let tenant = stack.tenant_with("acme", "1", store.destination()).await;

    let prediction = completed(&tenant).await;

    let link = prediction["outputs"][0].as_str().unwrap();
    assert!(link.starts_with(stack.gateway_url()), "{link}");
    let stored = store.object(&key(&prediction));
    assert_eq!(Some(tenant.download(link).await), stored);
    let path = "/admin/v1/tenants/acme/destination/probe";
    let (_, probe) = stack.admin(path, &json!({})).await;
    assert_eq!(
        (&probe["passed"], probe["checks"].as_array().map(Vec::len)),
        (&json!(true), Some(4)),
        "{probe}"
    );
    let (_, shown) = stack
        .admin_call(reqwest::Method::GET, "/admin/v1/tenants/acme", &json!({}))
        .await;
    assert_eq!(shown["destination"]["endpoint"], store.endpoint());
}

/// The body of a request that makes a bucket.
const IN_IRELAND: &str = r#"<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"#;

fn printed(args: &[&str]) -> String {
    let ran = process::run(args);
    assert!(ran.status.success(), "{args:?} {ran:?}");
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// A local gateway whose AWS is this one, its tenant `acme` and its operator.
async fn serve_with_aws(
    folder: &str,
    aws: &Ministack,
    emulator: &Emulator,
) -> (FluxgateProcess, TestTenant, TestOperator) {
    printed(&["tenants", "add", "acme", "--balance", "1", "--data", folder]);
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let mut args = vec!["--data", folder, "--listen", &listen];
    args.extend(["--s3-listen", "127.0.0.1:0", "--allow-net", "127.0.0.0/8"]);
    let provider = emulator.base_url();
    let env = [
        ("WAVESPEED_API_KEY", emulator.api_key()),
        ("FLUXGATE_PROVIDER", provider.as_str()),
        ("AWS_ENDPOINT_URL", aws.endpoint()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let server = FluxgateProcess::serve(&args, &env, &base_url).await;
    let token = printed(&["token", "acme", "--data", folder]);
    let admin = printed(&["token", "--admin", "--data", folder]);
    let tenant = TestTenant::new(TenantId::parse("acme").unwrap(), &base_url, token);
    (server, tenant, TestOperator::new(&base_url, &admin))
}

#[tokio::test(flavor = "multi_thread")]
async fn local_mode_writes_to_a_bucket_on_aws_in_the_tenant_s_role_and_in_its_region() {
    let (aws, folder) = (Ministack::start().await, tempfile::tempdir().unwrap());
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let made = reqwest::Client::new().put(format!("{}/{BUCKET}", aws.endpoint()));
    assert_eq!(made.body(IN_IRELAND).send().await.unwrap().status(), 200);
    let data = folder.path().to_str().unwrap();
    let (server, tenant, operator) = serve_with_aws(data, &aws, &emulator).await;
    let destination = json!({
        "bucket": BUCKET, "prefix": "out", "region": "eu-west-1",
        "role_arn": "arn:aws:iam::000000000000:role/fluxgate-destination",
    });
    let change = json!({ "destination": destination });
    let changed = operator.patch("/tenants/acme", &change).await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
    let external_id = changed.text("/external_id");
    assert!(external_id.starts_with("fluxgate-"), "{:?}", changed.body);

    let prediction = completed(&tenant).await;

    let link = prediction["outputs"][0].as_str().unwrap();
    assert!(
        link.starts_with(aws.endpoint()) && link.contains("%2Feu-west-1%2Fs3%2F"),
        "{link}"
    );
    assert!(link.contains("X-Amz-Security-Token"), "not in the role");
    assert!(!tenant.download(link).await.is_empty());
    let probed = operator
        .post("/tenants/acme/destination/probe", &json!({}))
        .await;
    let checks = probed.body["checks"].as_array().unwrap();
    let passed = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        check.is_some_and(|check| check["passed"] == true)
    };
    for name in [
        "role_assumable",
        "object_written",
        "conditional_put",
        "object_read",
    ] {
        assert!(passed(name), "{name}: {}", probed.body);
    }
    server.kill();
    emulator.stop().await;
}
