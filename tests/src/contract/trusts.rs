//! Who trusts an issuer, and that no token can mean two tenants.

use std::collections::BTreeSet;

use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::{Tenant, Trust};
use serde_json::{Value, json};

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

pub async fn a_token_finds_the_trusts_that_its_claims_fit_and_where_the_others_look(
    stores: Stores,
) {
    let (one, other, third) = (fresh_tenant(), fresh_tenant(), fresh_tenant());
    let issuer = format!("https://{one}.example");
    let trusting = |id: &TenantId, claim: (&str, &str)| Tenant {
        trust: vec![trust(id, &issuer).for_claim(claim.0, claim.1)],
        ..tenant_named(id)
    };
    let create = async |tenant: &Tenant| {
        let entry = entry(&tenant.id);
        stores.tenants.create(tenant, &entry).await.unwrap();
    };
    let found = async |claims: Value| {
        let claims = claims.as_object().unwrap();
        let found = stores.tenants.fitting(&issuer, claims).await.unwrap();
        let tenants: BTreeSet<TenantId> = found.fitting.into_iter().map(|(id, _)| id).collect();
        let asked: Vec<String> = found.asked.iter().map(ToString::to_string).collect();
        (tenants, asked.join(" "))
    };
    let of = |ids: &[&TenantId]| ids.iter().copied().cloned().collect::<BTreeSet<TenantId>>();
    assert_eq!(found(json!({"org": "a"})).await, (of(&[]), String::new()));

    create(&trusting(&one, ("org", "a"))).await;
    create(&trusting(&other, ("org", "7"))).await;
    create(&trusting(&third, ("team", "a"))).await;

    let asked = || "org team".to_owned();
    assert_eq!(found(json!({"org": "a"})).await, (of(&[&one]), asked()));
    assert_eq!(found(json!({"org": 7})).await, (of(&[&other]), asked()));
    let both = json!({"org": ["7", "b"], "team": "a"});
    assert_eq!(found(both).await, (of(&[&other, &third]), asked()));
    assert_eq!(found(json!({"org": "A"})).await, (of(&[]), asked()));

    let changed = Tenant {
        version: 2,
        ..trusting(&one, ("org", "b"))
    };
    stores.tenants.update(&changed, &entry(&one)).await.unwrap();
    stores
        .tenants
        .delete(&third, 1, &entry(&third))
        .await
        .unwrap();
    let asked = || "org".to_owned();
    assert_eq!(found(json!({"org": "a"})).await, (of(&[]), asked()));
    assert_eq!(found(json!({"org": "b"})).await, (of(&[&one]), asked()));
    assert_eq!(found(json!({"team": "a"})).await, (of(&[]), asked()));

    let elsewhere = Tenant {
        version: 3,
        trust: vec![trust(&one, "https://elsewhere.example").for_claim("org", one.as_str())],
        ..tenant_named(&one)
    };
    stores
        .tenants
        .update(&elsewhere, &entry(&one))
        .await
        .unwrap();
    assert_eq!(found(json!({"org": "b"})).await, (of(&[]), asked()));
}

pub async fn tenants_may_ask_other_claims_of_one_issuer_but_not_the_same(stores: Stores) {
    let (one, other, third) = (fresh_tenant(), fresh_tenant(), fresh_tenant());
    let issuer = format!("https://{one}.example");
    let trusting = |id: &TenantId, claim: (&str, &str)| Tenant {
        trust: vec![trust(id, &issuer).for_claim(claim.0, claim.1)],
        ..tenant_named(id)
    };
    let create = async |tenant: Tenant| {
        let entry = entry(&tenant.id);
        stores.tenants.create(&tenant, &entry).await
    };

    create(trusting(&one, ("org", "a"))).await.unwrap();
    create(trusting(&other, ("team", "a"))).await.unwrap();
    let refused = create(trusting(&third, ("team", "a"))).await.unwrap_err();

    assert_eq!(refused.code, "issuer_ambiguous");
    for id in [&other, &third] {
        assert!(refused.message.contains(id.as_str()), "{refused}");
    }
    assert_eq!(stores.trusting(&issuer).await.len(), 2);
}

pub async fn a_trust_of_every_shape_is_found_as_it_was_written(stores: Stores) {
    let id = fresh_tenant();
    let issuer = format!("https://{id}.example");
    let of = |audience: Value, claim: &str| -> Trust {
        serde_json::from_value(json!({
            "issuer": issuer, "audience": audience, "audience_claim": "azp", "keys": "oidc",
            "claim": { "name": claim, "value": "a" }, "scopes": { "claim": "/realm/roles" },
        }))
        .unwrap()
    };
    let written = [
        of(json!(null), "/o/id"),
        of(json!(["a", "b"]), "https://x.example/org"),
    ];
    let tenant = Tenant {
        trust: written.to_vec(),
        ..tenant_named(&id)
    };

    stores.tenants.create(&tenant, &entry(&id)).await.unwrap();

    let found = stores.tenants.trusting(&issuer).await.unwrap();
    let found: Vec<Trust> = found.into_iter().map(|(_, trust)| trust).collect();
    assert_eq!(found, written);
    assert_eq!(stores.tenants.get(&id).await.unwrap().trust, written);
}
