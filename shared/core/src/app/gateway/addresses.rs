//! Checks the addresses in a request: the cheap checks run on all of them before any DNS lookup.

use futures::future::join_all;
use url::{Host, Url};

use super::Submits;
use crate::base::error::{Error, Result};
use crate::base::host_name::{NO_HOST_NAME, is_host_name};
use crate::base::id::TenantId;
use crate::domain::webhook::CallbackUrl;
use crate::port::Purpose;

/// An address and the field it came from.
pub(crate) struct Named {
    pub(crate) field: String,
    pub(crate) purpose: Purpose,
    pub(crate) url: Url,
}

impl Named {
    pub(crate) fn callback(callback: &CallbackUrl) -> Self {
        Self {
            field: "webhook".to_owned(),
            purpose: Purpose::Callback,
            url: callback.url().clone(),
        }
    }
}

impl Submits {
    /// Fails with kind `Invalid`, naming the field.
    pub(super) async fn check_addresses(&self, tenant: &TenantId, named: &[Named]) -> Result<()> {
        let guard = &self.guard;
        let addresses_max = self.context.bounds.addresses_max;
        if let Some(excess) = named.get(addresses_max) {
            let text = format!(
                "the request names {} addresses; at most {addresses_max} are allowed",
                named.len()
            );
            return Err(Error::invalid("too_many_addresses", text).field(&excess.field));
        }
        for one in named {
            check_host(&one.url).map_err(|error| error.field(&one.field))?;
            guard
                .admit(one.purpose, &one.url)
                .map_err(|error| error.field(&one.field))?;
        }
        // Concurrently, so that several unresponsive names delay the request no longer than one.
        let checked = join_all(named.iter().map(|one| async move {
            let checked = guard.check(tenant, one.purpose, &one.url).await;
            checked.map_err(|error| error.field(&one.field))
        }));
        checked.await.into_iter().collect()
    }
}

/// Such a name is looked up nowhere.
fn check_host(url: &Url) -> Result<()> {
    match url.host() {
        Some(Host::Domain(name)) if !is_host_name(name) => Err(Error::invalid(
            "invalid_parameter",
            format!("the address {NO_HOST_NAME}"),
        )),
        _ => Ok(()),
    }
}
