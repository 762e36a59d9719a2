//! What callbacks are signed with, verified by libraries that are not ours.

use fluxgate_tests::receiver::Received;
use fluxgate_tests::verifiers::{signing_keys, takes};
use fluxgate_tests::{Gateway, LiveReceiver, TestTenant, eventually};
use serde_json::{Value, json};

/// An endpoint with a receiver behind it.
struct Signed {
    gateway: Gateway,
    tenant: TestTenant,
    receiver: LiveReceiver,
    path: String,
    secret: String,
}

impl Signed {
    async fn with(fields: Value) -> Self {
        let gateway = Gateway::start().await;
        let tenant = gateway.tenant("acme", "1").await;
        let receiver = LiveReceiver::start().await;
        let mut body = fields;
        body["url"] = receiver.url("events").into();
        let created = tenant.created_endpoint(&body).await;
        Self {
            path: format!("/v1/endpoints/{}", created.text("/id")),
            secret: created.text("/secret"),
            gateway,
            tenant,
            receiver,
        }
    }

    /// A callback that is signed now.
    async fn callback(&self) -> Received {
        let before = self.receiver.received().len();
        let told = self
            .tenant
            .post(&format!("{}/test", self.path), &json!({}))
            .await;
        assert_eq!(told.body["delivered"], true, "{:?}", told.body);
        self.receiver.received().remove(before)
    }

    async fn rotate(&self, request: &Value) -> String {
        let path = format!("{}/secret", self.path);
        let rotated = self.tenant.post(&path, request).await;
        assert_eq!(rotated.status, 200, "{:?}", rotated.body);
        rotated.text("/secret")
    }

    async fn rotate_key(&self, overlap_s: u64) {
        let path = format!("{}/signing-key", self.path);
        let request = json!({ "overlap_s": overlap_s });
        let rotated = self.tenant.post(&path, &request).await;
        assert_eq!(rotated.status, 200, "{:?}", rotated.body);
        assert_eq!(rotated.body.get("secret"), None);
    }

    async fn view(&self) -> Value {
        self.tenant.get(&self.path).await.body
    }

    /// The published keys, as anybody reads them.
    async fn key_set(&self, received: &Received) -> Value {
        let url = received.header("fluxgate-webhook-jwks");
        let response = self.gateway.http().get(url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        response.json().await.unwrap()
    }
}

#[tokio::test]
async fn a_receiver_that_knows_the_old_or_the_new_secret_takes_callbacks_while_both_sign() {
    let signed = Signed::with(json!({})).await;
    assert!(takes(&signed.secret, &signed.callback().await));

    let new = signed.rotate(&json!({})).await;
    let callback = signed.callback().await;

    assert_ne!(new, signed.secret);
    assert!(takes(&signed.secret, &callback) && takes(&new, &callback));
    assert!(!takes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &callback));
    let secrets = signed.view().await["secrets"].clone();
    assert_eq!(
        (secrets.as_array().unwrap().len(), &secrets[0]["expires_at"]),
        (2, &Value::Null)
    );
    assert!(secrets[1]["expires_at"].is_string(), "{secrets}");
}

#[tokio::test]
async fn several_overlaps_run_in_turn_and_zero_revokes_every_other_secret_at_once() {
    let signed = Signed::with(json!({})).await;
    let mut known = vec![signed.secret.clone()];
    for _ in 0..4 {
        known.push(signed.rotate(&json!({ "overlap_s": 3600 })).await);
    }

    let callback = signed.callback().await;
    assert_eq!(callback.header("webhook-signature").split(' ').count(), 5);
    for secret in &known {
        assert!(takes(secret, &callback));
    }
    let path = format!("{}/secret", signed.path);
    let sixth = signed.tenant.post(&path, &json!({})).await;
    assert_eq!(
        (sixth.status.as_u16(), sixth.text("/code")),
        (409, "too_many_secrets".to_owned())
    );
    assert!(
        takes(&known[4], &signed.callback().await),
        "nothing was changed"
    );

    let last = signed.rotate(&json!({ "overlap_s": 0 })).await;
    let callback = signed.callback().await;
    assert!(takes(&last, &callback));
    assert_eq!(callback.header("webhook-signature").split(' ').count(), 1);
    assert!(!takes(&known[4], &callback));
}

#[tokio::test]
async fn an_old_secret_stops_signing_when_its_overlap_is_over() {
    let signed = Signed::with(json!({})).await;
    let new = signed.rotate(&json!({ "overlap_s": 1 })).await;

    let callback = eventually("a callback with one signature", || async {
        let callback = signed.callback().await;
        let count = callback.header("webhook-signature").split(' ').count();
        (count == 1).then_some(callback)
    })
    .await;

    assert!(takes(&new, &callback) && !takes(&signed.secret, &callback));
    assert_eq!(
        signed.view().await["secrets"],
        json!([{ "expires_at": null }])
    );
}

#[tokio::test]
async fn a_tenant_brings_its_own_secret_and_a_bad_one_changes_nothing() {
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let signed = Signed::with(json!({ "secret": own })).await;
    assert_eq!(signed.secret, own);
    assert!(takes(own, &signed.callback().await));

    let path = format!("{}/secret", signed.path);
    for (request, code, field) in [
        (
            json!({ "secret": "whsec_c2hvcnQ=" }),
            "invalid_webhook_secret",
            "secret",
        ),
        (
            json!({ "overlap_s": 2_592_001 }),
            "invalid_parameter",
            "overlap_s",
        ),
        (json!({ "overlap_s": -1 }), "invalid_json", "overlap_s"),
        (json!({ "overlap": 1 }), "invalid_json", "overlap"),
    ] {
        let refused = signed.tenant.post(&path, &request).await;
        let told = (
            refused.status.as_u16(),
            refused.text("/code"),
            refused.text("/field"),
        );
        assert_eq!(told, (400, code.to_owned(), field.to_owned()), "{request}");
    }
    let callback = signed.callback().await;
    assert_eq!(callback.header("webhook-signature").split(' ').count(), 1);
    let another = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let request = json!({ "secret": another, "overlap_s": 0 });
    assert_eq!(signed.rotate(&request).await, another);
    let callback = signed.callback().await;
    assert!(takes(another, &callback) && !takes(own, &callback));
}

#[tokio::test]
async fn rotations_at_once_all_sign_and_none_is_lost() {
    let signed = Signed::with(json!({})).await;
    let path = format!("{}/secret", signed.path);

    let rotations = (0..4).map(|_| {
        let (tenant, path) = (signed.tenant.clone(), path.clone());
        tokio::spawn(async move { tenant.post(&path, &json!({})).await })
    });
    let mut secrets = vec![signed.secret.clone()];
    for rotation in rotations.collect::<Vec<_>>() {
        let rotated = rotation.await.unwrap();
        assert_eq!(rotated.status, 200, "{:?}", rotated.body);
        secrets.push(rotated.text("/secret"));
    }

    let callback = signed.callback().await;
    for secret in &secrets {
        assert!(takes(secret, &callback));
    }
}

#[tokio::test]
async fn a_v1a_signature_is_verified_by_the_published_key_alone() {
    let signed = Signed::with(json!({ "signatures": "v1,v1a" })).await;
    let callback = signed.callback().await;
    assert!(takes(&signed.secret, &callback), "v1 stands beside it");

    let first = signed.key_set(&callback).await;
    let kid = callback.header("fluxgate-webhook-kid").to_owned();
    assert_eq!(signing_keys(&first, &callback), [kid.as_str()]);
    assert!(!first.to_string().contains("\"d\""), "{first}");

    // Both keys are published and sign until the overlap is over.
    signed.rotate_key(3_600).await;
    let callback = signed.callback().await;
    let both = signed.key_set(&callback).await;
    let new = callback.header("fluxgate-webhook-kid").to_owned();
    assert_ne!(new, kid);
    assert_eq!(signing_keys(&both, &callback), [new.as_str(), &kid]);
    assert_eq!(signing_keys(&first, &callback), [kid.as_str()]);

    signed.rotate_key(0).await;
    let callback = signed.callback().await;
    let last = signed.key_set(&callback).await;
    assert_eq!(last["keys"].as_array().unwrap().len(), 1, "{last}");
    assert_eq!(signing_keys(&last, &callback).len(), 1);
    assert_eq!(signing_keys(&both, &callback), [""; 0], "both are revoked");
}

#[tokio::test]
async fn an_endpoint_signs_by_the_schemes_that_its_tenant_chose() {
    let signed = Signed::with(json!({})).await;
    let callback = signed.callback().await;
    assert_eq!(callback.header("fluxgate-webhook-jwks"), "");
    let id = signed.path.rsplit('/').next().unwrap();
    let set = format!("/.well-known/webhooks/acme/{id}/jwks.json");
    let unpublished = signed.gateway.http().get(signed.gateway.url(&set));
    assert_eq!(unpublished.send().await.unwrap().status(), 404);
    let path = format!("{}/signing-key", signed.path);
    let no_key = signed.tenant.post(&path, &json!({})).await;
    assert_eq!(
        (no_key.status.as_u16(), no_key.text("/code")),
        (409, "no_signing_key".to_owned())
    );

    let v1a = json!({ "signatures": "v1a" });
    assert_eq!(signed.tenant.patch(&signed.path, &v1a).await.status, 200);
    let callback = signed.callback().await;
    let signature = callback.header("webhook-signature");
    assert!(
        signature.starts_with("v1a,") && !signature.contains(' '),
        "{signature}"
    );
    assert_eq!(
        signing_keys(&signed.key_set(&callback).await, &callback).len(),
        1
    );
    assert_eq!(signed.view().await["secrets"], json!([]));

    // The secret that was there signs again.
    let v1 = json!({ "signatures": "v1" });
    assert_eq!(signed.tenant.patch(&signed.path, &v1).await.status, 200);
    assert!(takes(&signed.secret, &signed.callback().await));
}

#[tokio::test]
async fn a_test_event_says_what_came_back_and_counts_for_nothing() {
    let signed = Signed::with(json!({})).await;
    let test = format!("{}/test", signed.path);
    let refusing = fluxgate_tests::receiver::Reply {
        status: 503,
        headers: vec![("retry-after", "7".to_owned())],
        body: "the queue is full".to_owned(),
    };

    let good = signed.tenant.post(&test, &json!({})).await.body;
    signed.receiver.answer_always(refusing);
    let bad = signed.tenant.post(&test, &json!({})).await.body;

    assert_eq!(
        (&good["delivered"], &good["attempt"]["status"]),
        (&json!(true), &json!(204))
    );
    let received = signed.receiver.received();
    assert_eq!(good["event_id"], received[0].header("webhook-id"));
    assert_ne!(good["event_id"], bad["event_id"]);
    let attempt = &bad["attempt"];
    assert_eq!(
        (&bad["delivered"], &attempt["status"]),
        (&json!(false), &json!(503))
    );
    assert_eq!(attempt["error_class"], "server_error");
    assert_eq!(attempt["body"], "the queue is full");
    assert_eq!(attempt["retry_after"], "7");
    assert_eq!(signed.view().await["health"]["consecutive_failures"], 0);
    assert_eq!(
        signed.tenant.get("/v1/deliveries").await.body["deliveries"],
        json!([])
    );
}

#[tokio::test]
async fn every_event_type_can_be_tested_even_on_a_disabled_endpoint() {
    let signed = Signed::with(json!({ "enabled": false })).await;
    let test = format!("{}/test", signed.path);

    for event in fluxgate_core::webhook::EventType::ALL {
        let request = json!({ "event_type": event });
        let told = signed.tenant.post(&test, &request).await;
        assert_eq!(told.body["delivered"], true, "{:?}", told.body);
        let received = signed.receiver.received().pop().unwrap().json();
        assert_eq!(
            (&received["type"], &received["data"]["test"]),
            (&json!(event), &json!(true))
        );
    }
    let unknown = signed
        .tenant
        .post(&test, &json!({ "event_type": "task.done" }))
        .await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.text("/field")),
        (400, "event_type".to_owned())
    );
    let elsewhere = json!({ "url": "http://127.0.0.1:9/nobody" });
    assert_eq!(
        signed.tenant.patch(&signed.path, &elsewhere).await.status,
        200
    );
    let nobody = signed.tenant.post(&test, &json!({})).await.body;
    assert_eq!(
        (
            &nobody["attempt"]["status"],
            &nobody["attempt"]["error_class"]
        ),
        (&Value::Null, &json!("connect"))
    );
}
