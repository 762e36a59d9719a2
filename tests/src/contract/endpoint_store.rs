//! `EndpointStore`.

use fluxgate_core::Kind;
use fluxgate_core::callback::CallbackUrl;
use fluxgate_core::endpoint::Endpoint;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Ids as _;
use fluxgate_core::signature::Secret;
use fluxgate_local::folder::SystemEntropy;

use super::{Stores, fresh_tenant, now};

fn endpoint(tenant: &TenantId) -> Endpoint {
    Endpoint {
        tenant: tenant.clone(),
        id: SystemEntropy.endpoint_id(now()),
        url: CallbackUrl::parse("https://hooks.example/x").expect("a valid URL"),
        secrets: vec![Secret::new("whsec_x")],
        event_types: Vec::new(),
        enabled: true,
        created_at: now(),
    }
}

pub async fn an_endpoint_is_put_read_replaced_and_deleted(stores: Stores) {
    let tenant = fresh_tenant();
    let first = endpoint(&tenant);
    stores.endpoints.put(&first).await.unwrap();
    assert!(stores.endpoints.get(&tenant, &first.id).await.unwrap().enabled);
    assert!(stores.endpoints.glance(&tenant, &first.id).await.unwrap().enabled);

    stores.endpoints.disable(&tenant, &first.id).await.unwrap();
    assert_eq!(stores.endpoints.list(&tenant).await.unwrap().len(), 1);
    assert!(!stores.endpoints.get(&tenant, &first.id).await.unwrap().enabled);

    stores.endpoints.delete(&tenant, &first.id).await.unwrap();
    assert_eq!(stores.endpoints.delete(&tenant, &first.id).await.unwrap_err().kind, Kind::NotFound);
    stores.endpoints.disable(&tenant, &first.id).await.unwrap();
    assert!(stores.endpoints.list(&tenant).await.unwrap().is_empty());
}

pub async fn another_tenant_s_endpoint_is_not_found(stores: Stores) {
    let (tenant, stranger) = (fresh_tenant(), fresh_tenant());
    let mine = endpoint(&tenant);
    stores.endpoints.put(&mine).await.unwrap();

    assert_eq!(stores.endpoints.get(&stranger, &mine.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(stores.endpoints.glance(&stranger, &mine.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(stores.endpoints.delete(&stranger, &mine.id).await.unwrap_err().kind, Kind::NotFound);
    assert!(stores.endpoints.get(&tenant, &mine.id).await.is_ok());
}
