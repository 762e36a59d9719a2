//! Removes an object that Fluxgate wrote and that no task names.

use fluxgate_core::Result;

use super::bucket::Bucket;
use super::refusal::{Right, refused};

pub(super) async fn remove(bucket: &Bucket<'_>, key: &str) -> Result<()> {
    let delete = bucket
        .client
        .delete_object()
        .bucket(bucket.name)
        .set_expected_bucket_owner(bucket.owner.clone())
        .key(key)
        .customize();
    let sent = Box::pin(bucket.caller.does(delete).send()).await;
    sent.map(drop)
        .map_err(|error| refused(&error, bucket, Right::Delete).error(bucket))
}
