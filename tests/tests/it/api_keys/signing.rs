//! What signs keys: its rotation, and the end of a retired key.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxgate_core::app::{ApiKeys, Context, KeyEnd, Maker, NewKey, SealedSigningKeys};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::port::{KeyRings as _, SystemEntropy};
use fluxgate_core::seal::KeyRing;
use fluxgate_core::tenant::{Actor, KeyName, KeySigner, Scope};
use fluxgate_tests::contract::Stores;
use fluxgate_tests::roles::vault;
use fluxgate_tests::{Gateway, HeldClock, TestTenant};
use serde_json::{Value, json};

use super::{key, made};

fn kids(jwks: &Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().cloned().unwrap_or_default();
    let kid = |key: &Value| key["kid"].as_str().unwrap_or_default().to_owned();
    keys.iter().map(kid).collect()
}

#[tokio::test]
async fn keys_stay_valid_when_what_signs_them_is_rotated() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "0").await;
    let operator = gateway.operator();
    assert_eq!(
        tenant.get("/.well-known/jwks.json").await.body,
        json!({ "keys": [] })
    );
    let before = made(&gateway, "acme", &key(&["read"])).await.caller;
    let status = operator.get("/signing-keys").await;
    assert!(
        status.text("/issuer").starts_with("fluxgate:"),
        "{:?}",
        status.body
    );

    let rotated = operator.post("/signing-keys/rotate", &json!({})).await;
    assert_eq!(rotated.status, 200, "{:?}", rotated.body);
    let after = made(&gateway, "acme", &key(&["read"])).await.caller;

    for caller in [&before, &after] {
        assert_eq!(caller.get("/v1/tasks").await.status, 200);
    }
    let status = operator.get("/signing-keys").await;
    let signed = ["/keys/0/api_keys", "/keys/1/api_keys"].map(|at| status.body.pointer(at));
    assert_eq!(
        signed,
        [Some(&json!(1)), Some(&json!(1))],
        "{:?}",
        status.body
    );
    let published = fluxgate_tests::eventually("both public keys", || async {
        let jwks = tenant.get("/.well-known/jwks.json").await;
        let kids = kids(&jwks.body);
        (kids.len() == 2).then_some(kids)
    })
    .await;
    assert_eq!(
        published,
        [status.text("/keys/0/kid"), status.text("/keys/1/kid")]
    );
    let logged = operator.get("/audit?limit=10").await;
    assert!(logged.body.to_string().contains("signing_key.rotated"));
}

#[tokio::test]
async fn what_signed_before_makes_no_token_for_a_newer_key() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "0").await;
    made(&gateway, "acme", &key(&["read"])).await;
    let folder = gateway.server.folder();
    let ring = SealedSigningKeys::new(folder.context(), folder.vault());
    let stolen = ring.ring_stored().await.unwrap();
    let operator = gateway.operator();
    operator.post("/signing-keys/rotate", &json!({})).await;
    let newer = made(&gateway, "acme", &key(&["read"])).await;
    let (tenant, id) = (&newer.caller.id, KeyId::parse(&newer.id).unwrap());
    let store = folder.context().store;
    let issuer = store.api_keys().issuer().await.unwrap().unwrap().id;
    let record = store.api_keys().get_key(tenant, &id).await.unwrap();
    let by = async |ring: &KeyRing| {
        let token = KeySigner::of(ring).sign(&issuer, &record);
        let base_url = gateway.server.base_url();
        let caller = TestTenant::new(tenant.clone(), &base_url, token.expose().to_owned());
        caller.get("/v1/tasks").await
    };

    let forged = by(&stolen).await;
    let genuine = by(&*ring.ring_stored().await.unwrap()).await;

    let code = forged.text("/code");
    assert_eq!(
        (forged.status.as_u16(), code.as_str()),
        (401, "key_revoked")
    );
    assert_eq!(genuine.status, 200);
}

#[tokio::test]
async fn a_retired_public_key_goes_with_the_last_key_that_it_signed() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::on_sqlite(folder.path());
    let clock = HeldClock::now();
    let context = Context {
        store: stores.store.clone(),
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SystemEntropy),
        bounds: Arc::new(Bounds::default()),
    };
    let signing_keys = SealedSigningKeys::new(context.clone(), vault());
    let keys = ApiKeys::new(context, Arc::new(signing_keys));
    let tenant: TenantId = stores.tenant().await;
    let maker = Maker::Operator(Actor::cli());
    let new = NewKey {
        name: KeyName::parse("ci").unwrap(),
        scopes: BTreeSet::from([Scope::Read]),
        end: KeyEnd::Never,
        models: Vec::new(),
        monthly: None,
    };
    let first = keys.create(&tenant, &new, &maker).await.unwrap().key;
    let second = keys.create(&tenant, &new, &maker).await.unwrap().key;

    let status = keys.rotate_signing(&Actor::cli()).await.unwrap();
    assert_eq!(status.keys[1].api_keys, 2);
    clock.pass_ms(3_600_000);
    keys.revoke(&tenant, &first.id, &maker).await.unwrap();
    assert_eq!(keys.signing_status().await.unwrap().keys.len(), 2);
    keys.revoke(&tenant, &second.id, &maker).await.unwrap();

    let left = keys.signing_status().await.unwrap().keys;
    assert_eq!(left.len(), 1);
    assert_ne!(left[0].key.kid, first.kid);
}
