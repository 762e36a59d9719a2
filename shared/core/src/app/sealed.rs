//! Every secret that a record holds, and what it belongs to.

use super::vault::Belongs;
use crate::base::seal::Sealed;
use crate::domain::tenant::Tenant;
use crate::domain::webhook::Endpoint;

/// A secret where it is stored.
pub(crate) struct Place<'a> {
    pub(crate) belongs: Belongs<'a>,
    pub(crate) sealed: &'a mut Sealed,
}

pub(crate) fn in_tenant(tenant: &mut Tenant) -> Vec<Place<'_>> {
    let before = tenant.webhook_secrets_before.iter_mut();
    let webhook =
        std::iter::once(&mut tenant.webhook_secret).chain(before.map(|it| &mut it.sealed));
    let webhook = webhook.map(|sealed| Place {
        belongs: Belongs::Tenant,
        sealed,
    });
    let destinations =
        std::iter::once(&mut tenant.destination).chain(&mut tenant.destinations_before);
    let stores = destinations.filter_map(|destination| {
        let keys = destination.store.as_mut()?.keys.as_mut()?;
        Some(Place {
            belongs: Belongs::StoreKey,
            sealed: &mut keys.secret_access_key,
        })
    });
    webhook.chain(stores).collect()
}

pub(crate) fn in_endpoint(endpoint: &mut Endpoint) -> Vec<Place<'_>> {
    let Endpoint {
        id,
        secrets,
        signing_keys,
        headers,
        ..
    } = endpoint;
    let id = &*id;
    let secrets = secrets.iter_mut().map(|secret| Place {
        belongs: Belongs::EndpointSecret(id),
        sealed: &mut secret.sealed,
    });
    let keys = signing_keys.iter_mut().map(|key| Place {
        belongs: Belongs::EndpointKey(id),
        sealed: &mut key.sealed,
    });
    let headers = headers.iter_mut().map(|(name, sealed)| Place {
        belongs: Belongs::EndpointHeader(id, name),
        sealed,
    });
    secrets.chain(keys).chain(headers).collect()
}
