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
    let all = std::iter::once(&mut tenant.webhook_secret).chain(before.map(|it| &mut it.sealed));
    all.map(|sealed| Place {
        belongs: Belongs::Tenant,
        sealed,
    })
    .collect()
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
