//! The addresses that a request names: all are judged at no cost before the first name is looked
//! up.

use futures::future::join_all;
use url::Url;

use super::Gateway;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::webhook::CallbackUrl;
use crate::port::Purpose;

/// An address and the field that named it.
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

impl Gateway {
    /// Fails with kind `Invalid`, naming the field.
    pub(super) async fn check_addresses(&self, tenant: &TenantId, named: &[Named]) -> Result<()> {
        let guard = &self.guard;
        let addresses_max = self.context.bounds.addresses_max;
        if let Some(over) = named.get(addresses_max) {
            let text = format!(
                "the request names {} addresses; {addresses_max} are taken",
                named.len()
            );
            return Err(Error::invalid("too_many_addresses", text).field(&over.field));
        }
        for one in named {
            guard
                .admit(one.purpose, &one.url)
                .map_err(|error| error.field(&one.field))?;
        }
        // All at once: however many names never answer, the request waits for them as long as for
        // one.
        let checked = join_all(named.iter().map(|one| async move {
            let checked = guard.check(tenant, one.purpose, &one.url).await;
            checked.map_err(|error| error.field(&one.field))
        }));
        checked.await.into_iter().collect()
    }
}
