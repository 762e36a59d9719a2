//! `TenantStore`.

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Ids as _;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::seal::Sealed;
use fluxgate_core::tenant::{
    Actor, AuditAction, AuditEntry, Checksums, Destination, KeySource, OutputUrls, S3Store,
    StoreKeys, Tenant, TenantState, Trust,
};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Reason};
use serde_json::json;

use super::{PRICE, Stores, fresh_tenant, now};

pub(super) fn trust(id: &TenantId, issuer: &str) -> Trust {
    Trust::new(issuer, "fluxgate", KeySource::Oidc).for_claim("tenant", id.as_str())
}

pub(super) fn tenant(id: &TenantId, issuer: &str) -> Tenant {
    Tenant {
        id: id.clone(),
        created_at: now(),
        state: TenantState::Active,
        trust: vec![trust(id, issuer)],
        destination: Destination {
            bucket: "b".to_owned(),
            store: Some(store()),
            outputs: OutputUrls::Cdn("https://cdn.example".to_owned()),
            ..Destination::default()
        },
        destinations_before: Vec::new(),
        webhook_secret: sealed("whsec_x"),
        webhook_secrets_before: Vec::new(),
        version: 1,
        prices: fluxgate_core::money::PriceBook::default(),
        limits: fluxgate_core::tenant::Limits::default(),
        unarchived: fluxgate_core::tenant::UnarchivedOutputs::default(),
        retention: fluxgate_core::tenant::RetentionDays::default(),
        keys: Vec::new(),
    }
}

fn store() -> S3Store {
    S3Store {
        endpoint: Some("https://s3.example".to_owned()),
        region: "auto".to_owned(),
        path_style: true,
        keys: Some(StoreKeys {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: sealed("a-secret"),
        }),
        checksums: Checksums::None,
        conditional_put: false,
    }
}

/// Writes a tenant whose outputs go to this bucket of the installation's own account.
pub async fn tenant_with_bucket(stores: &Stores, id: &TenantId, bucket: &str) {
    let new = Tenant {
        destination: Destination {
            bucket: bucket.to_owned(),
            ..Destination::default()
        },
        ..tenant_named(id)
    };
    let written = stores.tenants.create(&new, &entry(id)).await;
    written.expect("the tenant is new");
}

pub(super) fn tenant_named(id: &TenantId) -> Tenant {
    tenant(id, &format!("https://{id}.example"))
}

pub(super) fn deletion(id: &TenantId) -> AuditEntry {
    AuditEntry {
        action: AuditAction::TenantDeleted,
        ..entry(id)
    }
}

pub(super) fn entry(id: &TenantId) -> AuditEntry {
    let at = now();
    AuditEntry {
        id: SystemEntropy.audit_id(at),
        at,
        actor: Actor::new("somebody"),
        action: AuditAction::TenantChanged,
        tenant: Some(id.clone()),
        detail: json!({ "issuers": ["x"], "role_arn": null }),
    }
}

impl Stores {
    /// The entries about one tenant, newest first.
    pub(super) async fn logged(&self, id: &TenantId) -> Vec<AuditEntry> {
        let all = self.tenants.audit_log(None, 1_000).await.unwrap();
        all.into_iter()
            .filter(|entry| entry.tenant.as_ref() == Some(id))
            .collect()
    }
}

/// As an earlier release wrote it.
fn sealed(text: &str) -> Sealed {
    serde_json::from_value(text.into()).expect("a bare text is read")
}

pub async fn a_tenant_is_created_once_and_read_back(stores: Stores) {
    let id = fresh_tenant();
    let created = tenant(&id, "https://issuer.example");

    stores.tenants.create(&created, &entry(&id)).await.unwrap();
    let again = stores
        .tenants
        .create(&created, &entry(&id))
        .await
        .unwrap_err();

    let read = stores.tenants.get_eventual(&id).await.unwrap();
    assert_eq!(
        (&read.trust, &read.destination),
        (&created.trust, &created.destination)
    );
    assert_eq!(read.webhook_secret, sealed("whsec_x"));
    assert_eq!((again.kind, again.code), (Kind::Conflict, "tenant_exists"));
    assert_eq!(
        stores
            .tenants
            .get_eventual(&fresh_tenant())
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert!(
        stores
            .tenants
            .list()
            .await
            .unwrap()
            .iter()
            .any(|tenant| tenant.id == id)
    );
    assert_eq!(
        stores.logged(&id).await.len(),
        1,
        "only changes that were made are logged"
    );
}

pub async fn a_tenant_is_updated_over_the_version_it_was_made_from(stores: Stores) {
    let id = fresh_tenant();
    let (old, new) = (
        format!("https://old-{id}.example"),
        format!("https://new-{id}.example"),
    );
    let created = Tenant {
        trust: vec![trust(&id, &old), trust(&id, "https://both.example")],
        ..tenant(&id, &old)
    };
    stores.tenants.create(&created, &entry(&id)).await.unwrap();
    // Whoever remembers what it read reads the change all the same.
    stores.tenants.get_eventual(&id).await.unwrap();

    let unarchived = fluxgate_core::tenant::UnarchivedOutputs::Release;
    let changed = Tenant {
        version: 2,
        state: TenantState::Suspended,
        unarchived,
        ..tenant(&id, &new)
    };
    stores.tenants.update(&changed, &entry(&id)).await.unwrap();
    let outdated = Tenant {
        version: 2,
        ..tenant(&id, &old)
    };
    let refused = stores
        .tenants
        .update(&outdated, &entry(&id))
        .await
        .unwrap_err();
    let missing = stores
        .tenants
        .update(&tenant(&fresh_tenant(), &old), &entry(&id))
        .await
        .unwrap_err();

    let read = stores.tenants.get(&id).await.unwrap();
    assert_eq!(
        (read.version, read.state, read.trust),
        (2, TenantState::Suspended, changed.trust)
    );
    assert_eq!(
        (refused.kind, refused.code, missing.kind),
        (Kind::Conflict, "version_conflict", Kind::NotFound)
    );
    assert_eq!(
        (stores.trusting(&new).await, stores.trusting(&old).await),
        (vec![id.clone()], Vec::new())
    );
    assert!(!stores.trusting("https://both.example").await.contains(&id));
    assert_eq!(stores.logged(&id).await.len(), 2);
}

pub async fn of_many_updates_to_one_version_one_is_written(stores: Stores) {
    let id = fresh_tenant();
    stores
        .tenants
        .create(&tenant(&id, "https://issuer.example"), &entry(&id))
        .await
        .unwrap();

    let mut updates = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (stores, id) = (stores.clone(), id.clone());
        updates.spawn(async move {
            let changed = Tenant {
                version: 2,
                ..tenant(&id, &format!("https://{n}.{id}.example"))
            };
            stores.tenants.update(&changed, &entry(&id)).await
        });
    }
    let done = updates.join_all().await;

    let refused: Vec<_> = done
        .iter()
        .filter_map(|done| done.as_ref().err())
        .map(|error| error.code)
        .collect();
    assert_eq!(refused, ["version_conflict"; 7]);
    let issuer = stores.tenants.get(&id).await.unwrap().trust[0]
        .issuer
        .clone();
    for n in 0..8 {
        let one = format!("https://{n}.{id}.example");
        assert_eq!(
            stores.trusting(&one).await.len(),
            usize::from(one == issuer),
            "{one}"
        );
    }
    assert_eq!(stores.logged(&id).await.len(), 2);
}

pub async fn secrets_are_sealed_anew_over_the_version_that_was_read_and_the_audit_log_is_silent(
    stores: Stores,
) {
    let id = fresh_tenant();
    let issuer = format!("https://{id}.example");
    let first = tenant(&id, &issuer);
    stores.tenants.create(&first, &entry(&id)).await.unwrap();

    let resealed = Tenant {
        webhook_secret: sealed("whsec_y"),
        version: 2,
        ..first.clone()
    };
    stores.tenants.reseal(&resealed).await.unwrap();
    let again = stores.tenants.reseal(&resealed).await.unwrap_err();

    assert!(again.is(Reason::VersionMoved), "{again}");
    let read = stores.tenants.get(&id).await.unwrap();
    assert_eq!((read.version, read.trust), (2, first.trust));
    assert_eq!(read.webhook_secret, sealed("whsec_y"));
    assert_eq!(stores.trusting(&issuer).await.len(), 1);
    assert_eq!(stores.logged(&id).await.len(), 1);
    stores.tenants.delete(&id, 2, &deletion(&id)).await.unwrap();
    let gone = Tenant {
        version: 3,
        ..resealed
    };
    let error = stores.tenants.reseal(&gone).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

pub async fn a_deleted_tenant_is_gone_and_its_books_stay(stores: Stores) {
    let id = stores.funded(1).await;
    let issuer = format!("https://{id}.example");
    stores
        .tenants
        .create(&tenant(&id, &issuer), &entry(&id))
        .await
        .unwrap();
    let task = stores.admitted(&id).await;

    let outdated = stores
        .tenants
        .delete(&id, 2, &entry(&id))
        .await
        .unwrap_err();
    stores.tenants.delete(&id, 1, &entry(&id)).await.unwrap();
    let again = stores
        .tenants
        .delete(&id, 1, &entry(&id))
        .await
        .unwrap_err();

    assert_eq!(
        (outdated.code, again.kind),
        ("version_conflict", Kind::NotFound)
    );
    assert_eq!(
        stores.tenants.get_eventual(&id).await.unwrap_err().kind,
        Kind::NotFound
    );
    assert_eq!(
        stores.tenants.get(&id).await.unwrap_err().kind,
        Kind::NotFound
    );
    assert!(
        stores
            .tenants
            .list()
            .await
            .unwrap()
            .iter()
            .all(|tenant| tenant.id != id)
    );
    assert!(stores.trusting(&issuer).await.is_empty());
    assert_eq!(stores.tasks.get(&id, &task.id).await.unwrap(), task);
    assert_eq!(stores.accounts.account(&id).await.unwrap().held, PRICE);
    assert_eq!(stores.accounts.ledger(&id).await.unwrap().len(), 2);
    assert_eq!(
        stores.logged(&id).await.len(),
        3,
        "the top-up, the making and the deletion"
    );
}

pub async fn the_audit_log_is_read_newest_first_and_page_by_page(stores: Stores) {
    let id = fresh_tenant();
    let mut entries: Vec<AuditEntry> = (0..5)
        .map(|n| {
            let at = Timestamp(now().0 + n);
            AuditEntry {
                id: SystemEntropy.audit_id(at),
                at,
                ..entry(&id)
            }
        })
        .collect();
    for entry in &entries {
        stores.tenants.record(entry).await.unwrap();
    }
    entries.reverse();

    let newest = stores.tenants.audit_log(None, 2).await.unwrap();
    let rest = stores
        .tenants
        .audit_log(Some(&newest[1].id), 3)
        .await
        .unwrap();

    assert_eq!([newest, rest].concat(), entries);
}
