//! Presigned downloads, made without asking anybody.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use fluxgate_core::task::Output;
use fluxgate_core::{Error, Result};

/// URLs are dated back to the start of their minute, so that one asked for again and again stays the same and can be cached.
const STEP_S: u64 = 60;
/// The longest that SigV4 allows.
const EXPIRES_MAX_S: u64 = 7 * 24 * 60 * 60;

pub(super) async fn presign(client: &Client, output: &Output, expires_ms: u64) -> Result<String> {
    let config = config(expires_ms, SystemTime::now())?;
    let get = client.get_object().bucket(&output.bucket).key(&output.key);
    let request = Box::pin(get.presigned(config)).await.map_err(|error| unsigned().source(error.to_string()))?;
    Ok(request.uri().to_owned())
}

/// Valid for at least as long as asked, and a minute longer at most.
fn config(expires_ms: u64, now: SystemTime) -> Result<PresigningConfig> {
    let expires_s = expires_ms.div_ceil(1000);
    if expires_s > EXPIRES_MAX_S {
        return Err(Error::invalid("presign_too_long", "a presigned URL works for 7 days at most"));
    }
    let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let start = UNIX_EPOCH + Duration::from_secs(now_s - now_s % STEP_S);
    let expires = Duration::from_secs((expires_s + STEP_S).min(EXPIRES_MAX_S));
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
        let early = config(90_000, UNIX_EPOCH + Duration::from_secs(1_760_000_040)).unwrap();
        let late = config(90_000, UNIX_EPOCH + Duration::from_secs(1_760_000_099)).unwrap();

        assert_eq!(early.start_time(), late.start_time());
        assert_eq!(early.start_time(), UNIX_EPOCH + Duration::from_secs(1_760_000_040));
        assert_eq!(early.expires(), Duration::from_secs(150));
    }

    #[test]
    fn no_url_is_asked_to_outlive_what_sigv4_allows() {
        let week_ms = 7 * 24 * 60 * 60 * 1000;

        assert_eq!(config(week_ms, SystemTime::now()).unwrap().expires(), Duration::from_secs(EXPIRES_MAX_S));
        assert_eq!(config(week_ms + 1, SystemTime::now()).unwrap_err().code, "presign_too_long");
    }
}
