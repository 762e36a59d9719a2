//! One tenant's bucket for one operation: its name, its expected owner, the caller, and how objects
//! are written to it.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use fluxgate_core::tenant::{Checksums, Destination};

use super::sites::Caller;

pub(super) struct Bucket<'a> {
    pub(super) client: Client,
    pub(super) name: &'a str,
    pub(super) owner: Option<String>,
    pub(super) caller: Caller,
    pub(super) destination: &'a Destination,
}

impl<'a> Bucket<'a> {
    pub(super) fn new(client: Client, destination: &'a Destination, caller: Caller) -> Self {
        let owner = destination.owner().map(String::from);
        Self {
            client,
            name: &destination.bucket,
            owner,
            caller,
            destination,
        }
    }

    /// False for a store that refuses the headers of checksums.
    pub(super) fn has_checksums(&self) -> bool {
        let store = self.destination.store.as_ref();
        store.is_none_or(|store| store.checksums == Checksums::Sha256)
    }

    pub(super) fn storage_class(&self) -> Option<StorageClass> {
        let class = self.destination.storage_class.as_deref();
        class.map(StorageClass::from)
    }

    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        let key = self.destination.kms_key.as_ref();
        key.map(|_| ServerSideEncryption::AwsKms)
    }

    pub(super) fn kms_key(&self) -> Option<String> {
        self.destination.kms_key.clone()
    }

    /// True for a key pair that the destination names.
    pub(super) fn has_own_keys(&self) -> bool {
        matches!(self.caller, Caller::Keys(_))
    }

    /// The region that requests are signed for, if the destination names one.
    pub(super) fn region(&self) -> Option<&str> {
        Some(self.destination.store.as_ref()?.region.as_str())
    }
}
