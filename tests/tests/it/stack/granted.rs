//! Every permission that a role has is used by its function: one that nobody needs is taken away.

use std::collections::BTreeSet;
use std::sync::Mutex;

use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::odd_store::OtherStore;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{LiveReceiver, Stack, StackOptions, TestTenant, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const KMS_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd";
const EXPORT: &str = "billing";

/// Used where this tour does not come, or comes only in some orders of events; and what for.
/// `TEST_GRANTS` shows which tests use what.
const ELSEWHERE: [(&str, &str); 19] = [
    (
        "admin dynamodb:DeleteItem table",
        "what belonged to a tenant that is deleted",
    ),
    (
        "archiver s3:AbortMultipartUpload *",
        "an upload in parts that breaks off",
    ),
    (
        "archiver s3:GetObject *",
        "what lies at an output's key already is compared",
    ),
    (
        "archiver sqs:SendMessage fluxgate-archive",
        "a refused copy is tried again later",
    ),
    (
        "archiver sqs:SendMessage fluxgate-watch",
        "a freed slot wakes who waits",
    ),
    (
        "gateway sqs:SendMessage fluxgate-archive",
        "a run that is over at its submit",
    ),
    (
        "notifier dynamodb:DeleteItem table",
        "an endpoint's health, once it is well again",
    ),
    (
        "notifier dynamodb:Query table",
        "an endpoint's events are sent after it was held",
    ),
    (
        "notifier dynamodb:UpdateItem table",
        "an attempt that failed is counted",
    ),
    (
        "admin dynamodb:DeleteItem keys",
        "an erasure of what was made in earlier months",
    ),
    (
        "poller dynamodb:PutItem keys",
        "the first task of a month is a batch's line",
    ),
    (
        "sweeper dynamodb:DeleteItem keys",
        "a month whose inputs are all old",
    ),
    (
        "sweeper dynamodb:GetItem keys",
        "a month whose inputs are all old",
    ),
    (
        "poller dynamodb:DeleteItem table",
        "a ticket of the fair queue is taken away",
    ),
    (
        "receiver sqs:SendMessage fluxgate-watch",
        "a freed slot wakes who waits",
    ),
    (
        "sweeper dynamodb:BatchGetItem table",
        "tasks that are open for long",
    ),
    (
        "sweeper dynamodb:DeleteItem table",
        "ledger entries are packed, tenants are gone",
    ),
    (
        "sweeper sqs:SendMessage fluxgate-notify",
        "a callback whose job was lost",
    ),
    (
        "sweeper sqs:SendMessage fluxgate-watch",
        "a task whose watch was lost",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_permission_of_every_role_is_used() {
    let stack = Stack::with(StackOptions {
        parameters: vec![
            ("EncryptionKmsKeyArn", KMS_KEY.to_owned()),
            ("UsageExportBucket", EXPORT.to_owned()),
            ("ProviderConcurrency", "1".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await;
    stack.create_bucket(EXPORT).await;
    let tenant = stack.tenant("acme", "5").await;
    let receiver = LiveReceiver::start().await;

    let (endpoint, _) = tenant.endpoint(&receiver.url("events")).await;
    tenants_day(&tenant, &receiver).await;
    by_every_way(&stack, &tenant).await;
    operators_day(&stack, &tenant).await;
    in_a_role(&stack).await;
    in_another_store(&stack).await;
    dead_letters(&stack, &tenant).await;
    tenant.delete(&format!("/v1/endpoints/{endpoint}")).await;
    erasure(&stack).await;
    for _ in 0..2 {
        stack.function("sweeper").invoke(json!({})).await.unwrap();
        let globex = "/admin/v1/tenants/globex?forget_balance=true";
        stack.admin_call(Method::DELETE, globex, &Value::Null).await;
    }

    let elsewhere = |it: &str| ELSEWHERE.iter().any(|(known, _)| *known == it);
    let mut unused = BTreeSet::new();
    for function in stack.functions() {
        for grant in stack.calls.unused(function.name()) {
            let resource = short(&grant.resource);
            unused.insert(format!("{} {} {resource}", function.name(), grant.action));
        }
    }
    unused.retain(|it| !elsewhere(it));
    assert_eq!(unused, BTreeSet::new(), "permissions that nobody needs");
    super::calls_are_allowed(&stack);
}

/// A resource without what differs from one stack to another.
fn short(arn: &str) -> &str {
    let named = ["EncryptionKeys", "ApiKeySigning", "CapabilitySecret"];
    match named.into_iter().find(|name| arn.contains(name)) {
        Some(name) => name,
        None if arn.contains(":table/") && arn.contains("KeysTable") => "keys",
        None if arn.contains(":table/") => "table",
        None => arn.rsplit([':', '/']).next().unwrap_or_default(),
    }
}

/// An edit with everything around it.
async fn tenants_day(tenant: &TestTenant, receiver: &LiveReceiver) {
    // One at a time runs at the provider, and the first callback fails.
    receiver.answer(&[500]);
    let inputs = tenant.inputs().await;
    let (task, second) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);
    receiver.about(&task, 1).await;
    let own = json!({ "model": MODEL, "input": inputs, "callback_url": receiver.url("own") });
    let own = tenant.post("/v1/tasks", &own).await.text("/id");
    receiver.about(&own, 2).await;
    tenant.ended(&second).await;
    let link = tenant.result(&task).await["outputs"][0].clone();
    tenant.download(link.as_str().unwrap()).await;
    tenant.timeline(&task).await;
    let replay = format!("/v1/deliveries/{task}-00/replay");
    tenant.post(&replay, &json!({})).await;
    tenant.get("/v1/tasks").await;
    let removed = tenant.delete(&format!("/v1/tasks/{task}")).await;
    assert!(removed.status.is_success(), "{:?}", removed.body);
    let line = json!({ "model": MODEL, "input": tenant.inputs().await }).to_string();
    let batch = tenant.http().post(tenant.url("/v1/batches"));
    let batch = batch.header("content-type", "application/jsonl").body(line);
    let batch = tenant.send(batch).await;
    let path = format!("/v1/batches/{}", batch.text("/id"));
    eventually("the batch's end", || async {
        let state = tenant.get(&path).await.text("/state");
        (state == "completed").then_some(())
    })
    .await;
}

/// Ends that a webhook brings and ends that the poller finds.
async fn by_every_way(stack: &Stack, tenant: &TestTenant) {
    let inputs = tenant.inputs().await;
    for faults in [
        Faults {
            fail_task: Fault::Always,
            ..Faults::default()
        },
        Faults {
            webhook_lost: Fault::Always,
            ..Faults::default()
        },
        Faults {
            fail_task: Fault::Always,
            webhook_lost: Fault::Always,
            ..Faults::default()
        },
    ] {
        stack.emulator.set_faults(faults);
        let task = tenant.submit(&inputs).await;
        tenant.ended(&task).await;
    }
    stack.emulator.set_faults(Faults::default());
}

async fn admin(stack: &Stack, method: Method, path: &str, body: &Value) -> Value {
    let (status, answer) = stack.admin_call(method, path, body).await;
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

async fn operators_day(stack: &Stack, tenant: &TestTenant) {
    let new = json!({ "name": "ci", "scopes": ["submit", "read", "keys"] });
    let made = admin(stack, Method::POST, "/admin/v1/tenants/acme/keys", &new).await;
    let token = made["key"].as_str().unwrap().to_owned();
    let caller = TestTenant::new(tenant.id.clone(), stack.gateway_url(), token);
    let child = json!({ "name": "child", "scopes": ["read"] });
    assert_eq!(caller.post("/v1/keys", &child).await.status, 201);
    for path in [
        "/admin/v1/signing-keys/rotate",
        "/admin/v1/encryption/rotate",
        "/admin/v1/capability-keys/rotate",
    ] {
        admin(stack, Method::POST, path, &json!({})).await;
    }
    let task = caller.submit(&caller.inputs().await).await;
    caller.ended(&task).await;
    let found = admin(stack, Method::GET, "/admin/v1/reconcile", &Value::Null).await;
    assert!(found.is_object(), "{found}");
    for path in [
        "/tasks",
        "/fair-queue",
        "/tenants/acme",
        "/tenants/acme/deliveries",
    ] {
        let path = format!("/admin/v1{path}");
        admin(stack, Method::GET, &path, &Value::Null).await;
    }
}

/// It is not over before every function knows of the new key.
async fn erasure(stack: &Stack) {
    let path = "/admin/v1/tenants/acme/personal-data";
    let next = Mutex::new(path.to_owned());
    eventually("the end of the erasure", || async {
        let asked = next.lock().unwrap().clone();
        let step = admin(stack, Method::DELETE, &asked, &Value::Null).await;
        let Some(cursor) = step["next"].as_str() else {
            return Some(());
        };
        assert!(step["wait_ms"].as_u64() > Some(0), "{step}");
        *next.lock().unwrap() = format!("{path}?cursor={cursor}");
        None
    })
    .await;
}

/// A tenant whose bucket is written in a role.
async fn in_a_role(stack: &Stack) {
    stack.create_bucket("other").await;
    let role = "arn:aws:iam::000000000000:role/fluxgate-destination";
    let destination = json!({ "bucket": "other", "role_arn": role });
    let tenant = stack.tenant_with("globex", "1", destination).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let ended = tenant.ended(&task).await;
    tenant.download(ended["outputs"][0].as_str().unwrap()).await;
    sessions_do_what_they_are_for(stack);
    let path = "/admin/v1/tenants/globex/destination/probe";
    admin(stack, Method::POST, path, &json!({})).await;
}

/// Whatever the role allows: who signs links may only read, who copies may not delete.
fn sessions_do_what_they_are_for(stack: &Stack) {
    for (function, actions) in [
        ("gateway", r#"["s3:GetObject"]"#),
        (
            "archiver",
            r#"["s3:PutObject","s3:GetObject","s3:AbortMultipartUpload"]"#,
        ),
    ] {
        let calls = stack.calls.all().into_iter();
        let mut assumed = calls.filter(|call| call.function == function);
        let policy = assumed.find_map(|call| call.session_policy).unwrap();
        assert!(policy.contains(actions), "{function}: {policy}");
        assert!(
            policy.contains("arn:aws:s3:::other/"),
            "{function}: {policy}"
        );
    }
}

/// A tenant whose bucket is written with keys of its own.
async fn in_another_store(stack: &Stack) {
    let store = OtherStore::start();
    let tenant = stack.tenant_with("initech", "1", store.destination()).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
}

/// What cannot be read goes to each lane's dead letters; the operator looks, redrives and deletes.
async fn dead_letters(stack: &Stack, tenant: &TestTenant) {
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    for (lane, job) in [
        (
            "watch",
            json!({ "job": "watch", "tenant": "acme", "task": task, "round": 0 }),
        ),
        (
            "archive",
            json!({ "job": "archive", "tenant": "acme", "task": task }),
        ),
        (
            "notify",
            json!({ "job": "deliver", "tenant": "acme", "delivery": format!("{task}-00") }),
        ),
    ] {
        let send = |queue: String, body: String| {
            let send = stack.ministack.aws().sqs().send_message();
            send.queue_url(stack.queue_url(&queue))
                .message_body(body)
                .send()
        };
        send(lane.to_owned(), "{not a job".to_owned())
            .await
            .unwrap();
        let dead = format!("{lane}-dead-letters");
        eventually("the dead letter", || async {
            (stack.messages(&dead).await > 0).then_some(())
        })
        .await;
        let job = json!({ "v": 1, "job": job }).to_string();
        send(dead.clone(), job).await.unwrap();
        let path = format!("/admin/v1/dead-letters?lane={lane}");
        let listed = admin(stack, Method::GET, &path, &Value::Null).await;
        let redrive = format!("/admin/v1/dead-letters/{lane}/redrive");
        admin(stack, Method::POST, &redrive, &json!({})).await;
        let letters = listed["dead_letters"].as_array().unwrap().iter();
        for letter in letters.filter(|it| it.get("job").is_none()) {
            let id = letter["id"].as_str().unwrap();
            let path = format!("/admin/v1/dead-letters/{lane}/{id}");
            admin(stack, Method::DELETE, &path, &Value::Null).await;
        }
    }
}
