//! One tenant's bucket as one operation sees it: its name, whose it must be, and as whom it is
//! used.

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
