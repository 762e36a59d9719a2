//! Who trusts an issuer, and that no token can mean two tenants.

use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::{Tenant, Trust};

use super::tenant_store::{entry, tenant, tenant_named, trust};
use super::{Stores, fresh_tenant};

impl Stores {
    pub(super) async fn trusting(&self, issuer: &str) -> Vec<TenantId> {
        self.tenants
            .trusting(issuer)
            .await
            .unwrap()
            .into_iter()
            .map(|(id, _)| id)
            .collect()
    }
}

pub async fn of_many_tenants_that_one_token_could_mean_one_is_made(stores: Stores) {
    let issuer = format!("https://{}.example", fresh_tenant());
    let mut making = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (stores, id, issuer) = (stores.clone(), fresh_tenant(), issuer.clone());
        making.spawn(async move {
            let ambiguous = vec![Trust {
                claim: None,
                ..trust(&id, &issuer)
            }];
            if n % 2 == 0 {
                let made = Tenant {
                    trust: ambiguous,
                    ..tenant_named(&id)
                };
                return stores.tenants.create(&made, &entry(&id)).await;
            }
            stores
                .tenants
                .create(&tenant_named(&id), &entry(&id))
                .await
                .unwrap();
            let changed = Tenant {
                version: 2,
                trust: ambiguous,
                ..tenant_named(&id)
            };
            stores.tenants.update(&changed, &entry(&id)).await
        });
    }
    let done = making.join_all().await;

    let refused: Vec<_> = done
        .iter()
        .filter_map(|done| done.as_ref().err())
        .map(|error| error.code)
        .collect();
    assert_eq!(refused, ["issuer_ambiguous"; 9]);
    assert_eq!(stores.trusting(&issuer).await.len(), 1);
}

pub async fn every_tenant_that_trusts_an_issuer_is_found_by_it(stores: Stores) {
    let (one, other) = (fresh_tenant(), fresh_tenant());
    let issuer = format!("https://{one}.example");
    stores
        .tenants
        .create(&tenant(&one, &issuer), &entry(&one))
        .await
        .unwrap();
    stores
        .tenants
        .create(&tenant(&other, &issuer), &entry(&other))
        .await
        .unwrap();

    let mut trusting: Vec<TenantId> = stores
        .tenants
        .trusting(&issuer)
        .await
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    trusting.sort();

    let mut wanted = [one, other];
    wanted.sort();
    assert_eq!(trusting, wanted);
    assert!(
        stores
            .tenants
            .trusting("https://nobody.example")
            .await
            .unwrap()
            .is_empty()
    );
}
