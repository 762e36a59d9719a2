//! `ApiKeyStore`, and what keys with a limit use.

use std::collections::BTreeSet;

use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::money::{KeyTerms, MicroUsd, Month, Zone};
use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::task::{Admission, Failure, Signal, transition};
use fluxgate_core::tenant::{
    Actor, ApiKey, AuditAction, AuditEntry, Issuer, KeyName, KeysChange, PublicKey, Scope, Tenant,
};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Reason};
use futures::future::join_all;

use super::tenant_store::{deletion, entry, tenant_named};
use super::{PRICE, Stores, admission, fresh_tenant, now};

fn fresh_key(tenant: &TenantId) -> ApiKey {
    ApiKey {
        tenant: tenant.clone(),
        id: SystemEntropy.key_id(now()),
        name: KeyName::parse("ci").unwrap(),
        scopes: BTreeSet::from([Scope::Submit, Scope::Read]),
        created_at: now(),
        expires_at: None,
        models: Vec::new(),
        limit: None,
        kid: "kid".to_owned(),
        made_by: Actor::new("somebody"),
        makers: Vec::new(),
        replaces: None,
        last_used_at: None,
    }
}

/// The change that leaves the tenant with these keys and no others.
fn change(tenant: &Tenant, keys: &[ApiKey], action: AuditAction) -> KeysChange {
    let stays = |id: &KeyId| keys.iter().any(|key| key.id == *id);
    let removed = tenant.keys.iter().map(|key| key.id.clone());
    KeysChange {
        tenant: Tenant {
            version: tenant.version + 1,
            keys: keys.iter().map(ApiKey::live).collect(),
            ..tenant.clone()
        },
        put: keys.to_vec(),
        removed: removed.filter(|id| !stays(id)).collect(),
        entry: AuditEntry {
            action,
            ..entry(&tenant.id)
        },
    }
}

async fn with_keys(stores: &Stores, count: usize) -> (Tenant, Vec<ApiKey>) {
    let tenant = tenant_named(&fresh_tenant());
    stores
        .tenants
        .create(&tenant, &entry(&tenant.id))
        .await
        .unwrap();
    let keys: Vec<ApiKey> = (0..count).map(|_| fresh_key(&tenant.id)).collect();
    let change = change(&tenant, &keys, AuditAction::KeyCreated);
    stores.keys.change_keys(&change).await.unwrap();
    (change.tenant, keys)
}

pub async fn keys_are_written_and_removed_with_their_tenant_and_an_audit_entry(stores: Stores) {
    let (tenant, mut keys) = with_keys(&stores, 2).await;
    keys.sort_by(|a, b| a.id.cmp(&b.id));

    assert_eq!(stores.keys.list_keys(&tenant.id).await.unwrap(), keys);
    let read = stores.tenants.get(&tenant.id).await.unwrap();
    assert_eq!(read.keys, tenant.keys);

    let left = std::slice::from_ref(&keys[1]);
    let revoked = change(&tenant, left, AuditAction::KeyRevoked);
    stores.keys.change_keys(&revoked).await.unwrap();

    assert_eq!(stores.keys.list_keys(&tenant.id).await.unwrap(), left);
    let gone = stores
        .keys
        .get_key(&tenant.id, &keys[0].id)
        .await
        .unwrap_err();
    assert!(gone.is(Reason::NoRecord), "{gone}");
    let read = stores.tenants.get(&tenant.id).await.unwrap();
    assert_eq!(read.keys, [keys[1].live()]);
    let logged = stores.logged(&tenant.id).await;
    assert!(
        logged
            .iter()
            .any(|entry| entry.action == AuditAction::KeyRevoked)
    );
}

pub async fn a_key_and_those_that_it_made_are_removed_in_one_write(stores: Stores) {
    let (tenant, keys) = with_keys(&stores, 2).await;
    let made = |makers: &[&ApiKey]| ApiKey {
        makers: makers.iter().map(|key| key.id.clone()).collect(),
        ..fresh_key(&tenant.id)
    };
    let child = made(&[&keys[0]]);
    let grandchild = made(&[&keys[0], &child]);
    let all = [keys.clone(), vec![child.clone(), grandchild.clone()]].concat();
    let created = change(&tenant, &all, AuditAction::KeyCreated);
    stores.keys.change_keys(&created).await.unwrap();

    let read = stores.keys.get_key(&tenant.id, &grandchild.id).await;
    assert_eq!(read.unwrap().makers, grandchild.makers);
    let read = stores.tenants.get(&tenant.id).await.unwrap();
    assert_eq!(read.keys, created.tenant.keys);
    let left = std::slice::from_ref(&keys[1]);
    let revoked = change(&created.tenant, left, AuditAction::KeyRevoked);
    stores.keys.change_keys(&revoked).await.unwrap();

    assert_eq!(stores.keys.list_keys(&tenant.id).await.unwrap(), left);
    let read = stores.tenants.get(&tenant.id).await.unwrap();
    assert_eq!(read.keys, [keys[1].live()]);
}

pub async fn of_many_changes_of_a_tenant_s_keys_over_one_version_one_is_written(stores: Stores) {
    let (tenant, _) = with_keys(&stores, 0).await;
    let changes: Vec<KeysChange> = (0..8)
        .map(|_| change(&tenant, &[fresh_key(&tenant.id)], AuditAction::KeyCreated))
        .collect();

    let written = join_all(changes.iter().map(|it| stores.keys.change_keys(it))).await;

    let refused: Vec<_> = written.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 7);
    assert!(refused.iter().all(|error| error.is(Reason::VersionMoved)));
    assert_eq!(stores.keys.list_keys(&tenant.id).await.unwrap().len(), 1);
    assert_eq!(stores.tenants.get(&tenant.id).await.unwrap().keys.len(), 1);
}

pub async fn another_tenant_s_key_is_not_found(stores: Stores) {
    let (_, keys) = with_keys(&stores, 1).await;
    let (other, _) = with_keys(&stores, 0).await;

    let foreign = stores.keys.get_key(&other.id, &keys[0].id).await;

    assert_eq!(foreign.unwrap_err().kind, Kind::NotFound);
    assert!(stores.keys.list_keys(&other.id).await.unwrap().is_empty());
}

pub async fn the_keys_of_a_deleted_tenant_are_gone(stores: Stores) {
    let (tenant, _) = with_keys(&stores, 2).await;
    let id = &tenant.id;

    let entry = deletion(id);
    let deleted = stores.tenants.delete(id, tenant.version, &entry);
    deleted.await.unwrap();

    assert!(stores.keys.list_keys(id).await.unwrap().is_empty());
}

pub async fn the_hour_of_a_key_s_last_use_never_goes_back(stores: Stores) {
    let (tenant, keys) = with_keys(&stores, 1).await;
    let id = &keys[0].id;

    for hour in [7_200_000, 3_600_000, 7_200_000] {
        let noted = stores.keys.note_key_use(&tenant.id, id, Timestamp(hour));
        noted.await.unwrap();
    }
    let nobody = SystemEntropy.key_id(now());
    let noted = stores.keys.note_key_use(&tenant.id, &nobody, Timestamp(1));
    noted.await.unwrap();

    let read = stores.keys.get_key(&tenant.id, id).await.unwrap();
    assert_eq!(read.last_used_at, Some(Timestamp(7_200_000)));
    assert_eq!(stores.keys.list_keys(&tenant.id).await.unwrap(), [read]);
}

pub async fn an_issuer_is_created_once_and_replaced_over_the_version_it_was_made_from(
    stores: Stores,
) {
    assert!(stores.keys.issuer().await.unwrap().is_none());
    let created = Issuer::new("1");
    stores.keys.put_issuer(&created).await.unwrap();
    let again = stores.keys.put_issuer(&Issuer::new("2")).await.unwrap_err();
    let mut changed = Issuer {
        version: 2,
        ..created
    };
    changed.keys.push(PublicKey {
        kid: "kid".to_owned(),
        x: "x".to_owned(),
        added_at: now(),
        retired_at: None,
    });

    stores.keys.put_issuer(&changed).await.unwrap();
    let outdated = stores.keys.put_issuer(&changed).await.unwrap_err();

    assert!(again.is(Reason::VersionMoved) && outdated.is(Reason::VersionMoved));
    let read = stores.keys.issuer().await.unwrap().unwrap();
    assert_eq!((read.id.as_str(), read.version), ("fluxgate:1", 2));
    assert_eq!(read.keys, changed.keys);
}

/// An admission by a key that may spend so much.
pub(super) fn limited(tenant: &TenantId, counter: &KeyId, monthly_max: MicroUsd) -> Admission {
    let mut admission = admission(tenant);
    admission.task.key = Some(counter.clone());
    admission.key_terms = Some(KeyTerms {
        counter: counter.clone(),
        monthly_max,
    });
    admission
}

impl Stores {
    /// A new tenant.
    pub async fn tenant(&self) -> TenantId {
        let tenant = tenant_named(&fresh_tenant());
        let created = self.tenants.create(&tenant, &entry(&tenant.id)).await;
        created.expect("the tenant is new");
        tenant.id
    }

    async fn used(&self, tenant: &TenantId, counter: &KeyId, month: Month) -> MicroUsd {
        self.keys.key_use(tenant, counter, month).await.unwrap()
    }
}

pub async fn of_many_admissions_only_those_within_their_key_s_limit_succeed(stores: Stores) {
    let (tenant, counter) = (stores.funded(20).await, SystemEntropy.key_id(now()));
    let limit = MicroUsd(PRICE.0 * 3 + 1);

    let admissions = (0..8).map(|_| stores.tasks.admit(limited(&tenant, &counter, limit)));
    let admitted = join_all(admissions).await;

    let refused: Vec<_> = admitted.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 5);
    for error in refused {
        assert_eq!(
            (error.kind, error.code),
            (Kind::InsufficientFunds, "key_exhausted")
        );
    }
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(account.held, MicroUsd(PRICE.0 * 3));
    let month = Zone::default().month_at(now());
    assert_eq!(stores.used(&tenant, &counter, month).await, account.held);
    // Another key, and a request without one, are not concerned.
    let other = SystemEntropy.key_id(now());
    stores
        .tasks
        .admit(limited(&tenant, &other, limit))
        .await
        .unwrap();
    stores.tasks.admit(admission(&tenant)).await.unwrap();
}

pub async fn what_a_limited_key_s_task_does_not_cost_is_given_back_once(stores: Stores) {
    let (tenant, counter) = (stores.funded(20).await, SystemEntropy.key_id(now()));
    let admission = limited(&tenant, &counter, PRICE);
    let id = admission.task.id.clone();
    stores.tasks.admit(admission).await.unwrap();
    let month = Zone::default().month_at(now());
    assert_eq!(stores.used(&tenant, &counter, month).await, PRICE);

    let task = stores.tasks.get(&tenant, &id).await.unwrap();
    assert_eq!(
        task.key_count.as_ref().map(|count| count.month),
        Some(month)
    );
    let refused = Signal::SubmitRefused(Failure::new(1401, "refused", "text"));
    let change = transition(&task, refused, now()).unwrap();
    stores.tasks.apply(&change).await.unwrap();
    stores.tasks.apply(&change).await.unwrap_err();

    assert_eq!(stores.used(&tenant, &counter, month).await, MicroUsd::ZERO);
    stores
        .tasks
        .admit(limited(&tenant, &counter, PRICE))
        .await
        .unwrap();
}
