//! Presigned downloads, made without asking anybody.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::presigning::PresigningConfig;
use fluxgate_core::task::Output;
use fluxgate_core::{Error, Result};

use super::bucket::Bucket;

/// URLs are dated back to the start of their minute, so that one asked for again and again stays the same and can be cached.
const STEP_S: u64 = 60;
/// The longest that SigV4 allows.
const EXPIRES_MAX_S: u64 = 7 * 24 * 60 * 60;

/// The bucket's owner is not demanded: that is a header, which nobody who follows a link sends.
pub(super) async fn presign(bucket: &Bucket<'_>, output: &Output, expires_ms: u64) -> Result<String> {
    let config = config(expires_ms, SystemTime::now(), bucket.caller.expires())?;
    let get = bucket.client.get_object().bucket(&output.bucket).key(&output.key);
    let get = bucket.caller.does(get.customize());
    let request = Box::pin(get.presigned(config)).await.map_err(|error| unsigned().source(error.to_string()))?;
    Ok(request.uri().to_owned())
}

/// Valid for at least as long as asked, and a minute longer at most; but never beyond the keys that sign.
fn config(expires_ms: u64, now: SystemTime, keys_expire: Option<SystemTime>) -> Result<PresigningConfig> {
    let expires_s = expires_ms.div_ceil(1000);
    if expires_s > EXPIRES_MAX_S {
        return Err(Error::invalid("presign_too_long", "a presigned URL works for 7 days at most"));
    }
    let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let start = UNIX_EPOCH + Duration::from_secs(now_s - now_s % STEP_S);
    let wanted = Duration::from_secs((expires_s + STEP_S).min(EXPIRES_MAX_S));
    let signed = keys_expire.map_or(wanted, |end| end.duration_since(start).unwrap_or_default());
    let expires = wanted.min(signed).max(Duration::from_secs(1));
    let config = PresigningConfig::builder().start_time(start).expires_in(expires).build();
    config.map_err(|error| unsigned().source(error))
}

fn unsigned() -> Error {
    Error::internal("presign_failed", "a URL could not be signed; look at the S3 settings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_works_for_as_long_as_asked_and_is_the_same_for_a_minute() {
        let early = config(90_000, UNIX_EPOCH + Duration::from_secs(1_760_000_040), None).unwrap();
        let late = config(90_000, UNIX_EPOCH + Duration::from_secs(1_760_000_099), None).unwrap();

        assert_eq!(early.start_time(), late.start_time());
        assert_eq!(early.start_time(), UNIX_EPOCH + Duration::from_secs(1_760_000_040));
        assert_eq!(early.expires(), Duration::from_secs(150));
    }

    #[test]
    fn a_url_does_not_promise_more_than_the_keys_that_sign_it() {
        let now = UNIX_EPOCH + Duration::from_secs(1_760_000_050);

        let url = config(3_600_000, now, Some(now + Duration::from_secs(600))).unwrap();
        let short = config(60_000, now, Some(now + Duration::from_secs(600))).unwrap();

        assert_eq!(url.expires(), Duration::from_secs(610));
        assert_eq!(short.expires(), Duration::from_secs(120));
    }

    #[test]
    fn no_url_is_asked_to_outlive_what_sigv4_allows() {
        let week_ms = 7 * 24 * 60 * 60 * 1000;

        assert_eq!(config(week_ms, SystemTime::now(), None).unwrap().expires(), Duration::from_secs(EXPIRES_MAX_S));
        assert_eq!(config(week_ms + 1, SystemTime::now(), None).unwrap_err().code, "presign_too_long");
    }
}
