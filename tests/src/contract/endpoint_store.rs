//! `EndpointStore`.

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Ids as _;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::{CallbackUrl, DisabledReason, Endpoint, EndpointKind, SigningSecret};
use fluxgate_core::{Error, Kind, Reason, Result};

use super::{Stores, fresh_tenant, now};

/// As an earlier release wrote it.
pub fn secret() -> SigningSecret {
    let text = Secret::webhook([1; 32]);
    serde_json::from_value(text.expose().into()).expect("a bare text is read")
}

/// What a tenant may have.
pub const ENDPOINTS_MAX: usize = 16;

fn url(text: &str) -> CallbackUrl {
    CallbackUrl::parse(text).expect("a valid URL")
}

/// With a URL of its own.
pub fn endpoint(tenant: &TenantId) -> Endpoint {
    let id = SystemEntropy.endpoint_id(now());
    let url = url(&format!("https://hooks.example/{id}"));
    Endpoint::new(
        tenant.clone(),
        id,
        EndpointKind::Push { url },
        secret(),
        now(),
    )
}

impl Stores {
    /// One more endpoint, if there is room.
    pub async fn endpoint(&self, tenant: &TenantId) -> Result<Endpoint> {
        let endpoint = endpoint(tenant);
        self.endpoints.create(&endpoint, ENDPOINTS_MAX).await?;
        Ok(endpoint)
    }

    /// So many creations at once: how many succeeded, and why the others did not.
    pub async fn endpoints_at_once(&self, tenant: &TenantId, asked: usize) -> (usize, Vec<Error>) {
        let creations = (0..asked).map(|_| {
            let (stores, tenant) = (self.clone(), tenant.clone());
            tokio::spawn(async move { stores.endpoint(&tenant).await })
        });
        let (mut created, mut refused) = (0, Vec::new());
        for creation in creations.collect::<Vec<_>>() {
            match creation.await.expect("no creation panics") {
                Ok(_) => created += 1,
                Err(error) => refused.push(error),
            }
        }
        (created, refused)
    }
}

fn is_too_many(error: &Error) -> bool {
    (error.kind, error.code) == (Kind::Conflict, "too_many_endpoints")
}

pub async fn an_endpoint_is_created_read_changed_and_deleted(stores: Stores) {
    let tenant = fresh_tenant();
    let first = stores.endpoint(&tenant).await.unwrap();
    let endpoints = &stores.endpoints;
    assert_eq!(endpoints.get(&tenant, &first.id).await.unwrap(), first);
    let eventual = endpoints.get_eventual(&tenant, &first.id).await.unwrap();
    assert_eq!(eventual, first);

    let mut changed = Endpoint {
        version: first.version + 1,
        ..first.clone()
    };
    changed.disable(DisabledReason::Gone, now());
    endpoints.update(&changed).await.unwrap();
    assert_eq!(endpoints.get(&tenant, &first.id).await.unwrap(), changed);
    let listed = endpoints.list(&tenant).await.unwrap();
    assert_eq!(listed.endpoints, std::slice::from_ref(&changed));
    assert!(listed.unreadable.is_empty());

    endpoints.delete(&tenant, &first.id).await.unwrap();
    let again = endpoints.delete(&tenant, &first.id).await.unwrap_err();
    assert_eq!(again.kind, Kind::NotFound);
    changed.version += 1;
    let late = endpoints.update(&changed).await.unwrap_err();
    assert!(late.is(Reason::VersionMoved), "{late:?}");
    assert!(endpoints.list(&tenant).await.unwrap().is_empty());
}

pub async fn an_endpoint_is_changed_over_the_version_it_was_made_from(stores: Stores) {
    let tenant = fresh_tenant();
    let first = stores.endpoint(&tenant).await.unwrap();
    let changed = |description: &str| Endpoint {
        version: first.version + 1,
        description: description.to_owned(),
        ..first.clone()
    };

    stores.endpoints.update(&changed("one")).await.unwrap();
    let late = stores.endpoints.update(&changed("two")).await.unwrap_err();

    assert!(late.is(Reason::VersionMoved), "{late:?}");
    let there = stores.endpoints.get(&tenant, &first.id).await.unwrap();
    assert_eq!(there.description, "one");
}

pub async fn another_tenant_s_endpoint_is_not_found(stores: Stores) {
    let (tenant, stranger) = (fresh_tenant(), fresh_tenant());
    let mine = stores.endpoint(&tenant).await.unwrap();

    assert_eq!(
        stores
            .endpoints
            .get(&stranger, &mine.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert_eq!(
        stores
            .endpoints
            .get_eventual(&stranger, &mine.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert_eq!(
        stores
            .endpoints
            .delete(&stranger, &mine.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert!(stores.endpoints.get(&tenant, &mine.id).await.is_ok());
}

pub async fn of_many_creations_at_once_exactly_as_many_succeed_as_a_tenant_may_have(
    stores: Stores,
) {
    let tenant = fresh_tenant();

    let (created, refused) = stores.endpoints_at_once(&tenant, 300).await;

    assert_eq!(created, ENDPOINTS_MAX);
    assert_eq!(
        stores.endpoints.list(&tenant).await.unwrap().len(),
        ENDPOINTS_MAX
    );
    let others: Vec<&Error> = refused.iter().filter(|error| !is_too_many(error)).collect();
    assert!(others.is_empty(), "{others:?}");
}

pub async fn a_deletion_makes_room_for_one_and_only_once(stores: Stores) {
    let tenant = fresh_tenant();
    let first = stores.endpoint(&tenant).await.unwrap();
    stores.endpoints_at_once(&tenant, ENDPOINTS_MAX - 1).await;
    assert!(is_too_many(&stores.endpoint(&tenant).await.unwrap_err()));

    stores.endpoints.delete(&tenant, &first.id).await.unwrap();
    stores
        .endpoints
        .delete(&tenant, &first.id)
        .await
        .unwrap_err();
    let (created, _) = stores.endpoints_at_once(&tenant, 20).await;

    assert_eq!(created, 1);
    assert_eq!(
        stores.endpoints.list(&tenant).await.unwrap().len(),
        ENDPOINTS_MAX
    );
}

pub async fn a_tenant_with_more_endpoints_than_it_may_have_keeps_them_and_gets_no_more(
    stores: Stores,
) {
    let tenant = fresh_tenant();
    let mut there = Vec::new();
    for _ in 0..ENDPOINTS_MAX + 2 {
        let endpoint = endpoint(&tenant);
        stores
            .endpoints
            .create(&endpoint, usize::MAX)
            .await
            .unwrap();
        there.push(endpoint.id);
    }

    assert!(is_too_many(&stores.endpoint(&tenant).await.unwrap_err()));
    for id in &there[..2] {
        stores.endpoints.delete(&tenant, id).await.unwrap();
        assert!(is_too_many(&stores.endpoint(&tenant).await.unwrap_err()));
    }
    stores.endpoints.delete(&tenant, &there[2]).await.unwrap();

    stores.endpoint(&tenant).await.unwrap();
    assert_eq!(
        stores.endpoints.list(&tenant).await.unwrap().len(),
        ENDPOINTS_MAX
    );
}

fn with_url(endpoint: Endpoint, text: &str) -> Endpoint {
    let kind = EndpointKind::Push { url: url(text) };
    Endpoint { kind, ..endpoint }
}

fn is_taken(error: &Error) -> bool {
    (error.kind, error.code) == (Kind::Conflict, "endpoint_exists")
}

pub async fn of_many_creations_with_one_url_at_once_one_succeeds(stores: Stores) {
    let (tenant, other) = (fresh_tenant(), fresh_tenant());
    let create = |tenant: &TenantId| {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        let endpoint = with_url(endpoint(&tenant), "https://hooks.example/one");
        tokio::spawn(async move { stores.endpoints.create(&endpoint, ENDPOINTS_MAX).await })
    };
    let creations: Vec<_> = (0..12).map(|_| create(&tenant)).collect();
    let mut refused = Vec::new();
    for creation in creations {
        refused.extend(creation.await.expect("no creation panics").err());
    }

    assert_eq!(refused.len(), 11);
    assert!(refused.iter().all(is_taken), "{refused:?}");
    create(&other).await.unwrap().unwrap();
}

pub async fn a_url_is_free_when_its_endpoint_has_another_or_is_gone(stores: Stores) {
    let tenant = fresh_tenant();
    let (first, second) = ("https://hooks.example/1", "https://hooks.example/2");
    let one = with_url(endpoint(&tenant), first);
    stores.endpoints.create(&one, ENDPOINTS_MAX).await.unwrap();
    let other = with_url(endpoint(&tenant), second);
    stores
        .endpoints
        .create(&other, ENDPOINTS_MAX)
        .await
        .unwrap();
    let mut moved = with_url(one.clone(), second);
    moved.version += 1;

    let taken = stores.endpoints.update_url(&moved, &url(first)).await;
    assert!(is_taken(&taken.unwrap_err()));
    stores.endpoints.delete(&tenant, &other.id).await.unwrap();
    stores
        .endpoints
        .update_url(&moved, &url(first))
        .await
        .unwrap();
    let late = stores.endpoints.update_url(&moved, &url(first)).await;
    assert!(late.unwrap_err().is(Reason::VersionMoved));
    assert_eq!(stores.endpoints.get(&tenant, &one.id).await.unwrap(), moved);

    let again = with_url(endpoint(&tenant), first);
    stores
        .endpoints
        .create(&again, ENDPOINTS_MAX)
        .await
        .unwrap();
    let again = with_url(endpoint(&tenant), second);
    let taken = stores.endpoints.create(&again, ENDPOINTS_MAX).await;
    assert!(is_taken(&taken.unwrap_err()));
}
