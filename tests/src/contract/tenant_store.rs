//! `TenantStore`.

use fluxgate_core::Kind;
use fluxgate_core::id::TenantId;
use fluxgate_core::signature::Secret;
use fluxgate_core::tenant::{ClaimMatch, Destination, KeySource, Tenant, TenantState, Trust};

use super::{Stores, fresh_tenant, now};

fn tenant(id: &TenantId, issuer: &str) -> Tenant {
    Tenant {
        id: id.clone(),
        created_at: now(),
        state: TenantState::Active,
        trust: vec![Trust {
            issuer: issuer.to_owned(),
            audience: "fluxgate".to_owned(),
            keys: KeySource::Oidc,
            claim: Some(ClaimMatch { name: "tenant".to_owned(), value: id.to_string() }),
            scopes: None,
        }],
        destination: Destination { bucket: "b".to_owned(), prefix: String::new(), role: None, bucket_owner: None },
        webhook_secret: Secret::new("whsec_x"),
        version: 1,
        prices: fluxgate_core::money::PriceBook::default(),
    }
}

pub async fn a_tenant_is_created_once_and_read_back(stores: Stores) {
    let id = fresh_tenant();
    let created = tenant(&id, "https://issuer.example");

    stores.tenants.create(&created).await.unwrap();
    let again = stores.tenants.create(&created).await.unwrap_err();

    let read = stores.tenants.get(&id).await.unwrap();
    assert_eq!((read.trust, read.destination), (created.trust, created.destination));
    assert_eq!(read.webhook_secret.expose(), "whsec_x");
    assert_eq!((again.kind, again.code), (Kind::Conflict, "tenant_exists"));
    assert_eq!(stores.tenants.get(&fresh_tenant()).await.unwrap_err().kind, Kind::NotFound);
    assert!(stores.tenants.list().await.unwrap().iter().any(|tenant| tenant.id == id));
}

pub async fn every_tenant_that_trusts_an_issuer_is_found_by_it(stores: Stores) {
    let (one, other) = (fresh_tenant(), fresh_tenant());
    let issuer = format!("https://{one}.example");
    stores.tenants.create(&tenant(&one, &issuer)).await.unwrap();
    stores.tenants.create(&tenant(&other, &issuer)).await.unwrap();

    let mut trusting: Vec<TenantId> =
        stores.tenants.trusting(&issuer).await.unwrap().into_iter().map(|(id, _)| id).collect();
    trusting.sort();

    let mut wanted = [one, other];
    wanted.sort();
    assert_eq!(trusting, wanted);
    assert!(stores.tenants.trusting("https://nobody.example").await.unwrap().is_empty());
}
