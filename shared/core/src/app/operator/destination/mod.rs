//! A tenant's destination: validates the operator's input, generates the ExternalId and seals the
//! keys of a store.

mod check;
mod store;

pub use store::NewStore;

use super::Operator;
use crate::app::vault::Belongs;
use crate::base::error::Result;
use crate::base::id::{AccountId, TenantId};
use crate::domain::tenant::{
    Archiving, AssumedRole, Destination, KeyTemplate, OutputUrls, S3Store, StoreKeys,
};
use crate::port::Entropy;

/// A destination as the operator describes it.
#[derive(Debug, Clone, Default)]
pub struct NewDestination {
    pub bucket: String,
    /// Without leading or trailing `/`; may be empty.
    pub prefix: String,
    /// The AWS account that must own the bucket; by default the role's own account.
    pub bucket_owner: Option<AccountId>,
    /// The role in the tenant's account that may write to the bucket; `None` if this installation
    /// can write to it directly.
    pub role_arn: Option<String>,
    /// `None`: the installation's own store.
    pub store: Option<NewStore>,
    /// `None`: the default template.
    pub key_template: Option<String>,
    pub storage_class: Option<String>,
    pub kms_key: Option<String>,
    pub outputs: OutputUrls,
    pub archive: Archiving,
}

/// The same destination once more, for a change of some of it.
impl From<Destination> for NewDestination {
    fn from(now: Destination) -> Self {
        Self {
            bucket: now.bucket,
            prefix: now.prefix,
            bucket_owner: now.bucket_owner,
            role_arn: now.role.map(|role| role.arn),
            store: now.store.map(NewStore::from),
            key_template: now.key_template.map(|key| key.as_str().to_owned()),
            storage_class: now.storage_class,
            kms_key: now.kms_key,
            outputs: now.outputs,
            archive: now.archive,
        }
    }
}

impl Operator {
    /// Builds the destination. An unchanged role keeps its ExternalId, because the
    /// tenant's trust policy names it; a new role gets a new one. A store whose endpoint and access
    /// key are the same keeps its secret unless there is a new one.
    pub(super) async fn destination(
        &self,
        new: NewDestination,
        tenant: &TenantId,
        before: Option<&Destination>,
    ) -> Result<Destination> {
        new.check()?;
        let store_before = before.and_then(|before| before.store.as_ref());
        let role_before = before.and_then(|before| before.role.as_ref());
        let entropy = &*self.context.entropy;
        let store = match new.store {
            Some(store) => Some(self.store(store, tenant, store_before).await?),
            None => None,
        };
        let key_template = new.key_template.as_deref().map(KeyTemplate::parse);
        Ok(Destination {
            bucket: new.bucket,
            prefix: new.prefix,
            role: new.role_arn.map(|arn| role(arn, role_before, entropy)),
            bucket_owner: new.bucket_owner,
            store,
            key_template: key_template.transpose()?,
            storage_class: new.storage_class,
            kms_key: new.kms_key,
            outputs: new.outputs,
            archive: new.archive,
        })
    }

    async fn store(
        &self,
        new: NewStore,
        tenant: &TenantId,
        before: Option<&S3Store>,
    ) -> Result<S3Store> {
        let keys = match (&new.access_key_id, &new.secret_access_key) {
            (None, _) => None,
            (Some(id), Some(secret)) => {
                let sealed = self.vault.seal(tenant, Belongs::StoreKey, secret).await?;
                Some(StoreKeys {
                    access_key_id: id.clone(),
                    secret_access_key: sealed,
                })
            }
            (Some(_), None) => Some(new.known_keys(before)?),
        };
        Ok(S3Store {
            region: new.region(),
            endpoint: new.endpoint,
            path_style: new.path_style,
            keys,
            checksums: new.checksums,
            conditional_put: new.conditional_put,
        })
    }
}

fn role(arn: String, before: Option<&AssumedRole>, entropy: &dyn Entropy) -> AssumedRole {
    match before {
        Some(role) if role.arn == arn => role.clone(),
        _ => AssumedRole {
            external_id: external_id(entropy),
            arn,
        },
    }
}

fn external_id(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    format!("fluxgate-{}", hex::encode(random))
}
