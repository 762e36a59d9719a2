//! One tenant's bucket for one operation: its name, its expected owner, and the caller.

use aws_sdk_s3::Client;
use fluxgate_core::tenant::Destination;

use super::roles::Caller;

pub(super) struct Bucket<'a> {
    pub(super) client: &'a Client,
    pub(super) name: &'a str,
    pub(super) owner: Option<String>,
    pub(super) caller: Caller,
}

impl<'a> Bucket<'a> {
    pub(super) fn new(client: &'a Client, destination: &'a Destination, caller: Caller) -> Self {
        let owner = destination.owner().map(String::from);
        Self {
            client,
            name: &destination.bucket,
            owner,
            caller,
        }
    }
}
