//! How long a presigned URL works.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fluxgate_core::{Error, Result};

/// URLs are dated back to the start of their minute, so that repeated requests get the same URL,
/// which can be cached.
const STEP_S: u64 = 60;
/// SigV4's limit.
const EXPIRES_MAX_S: u64 = 7 * 24 * 60 * 60;

/// The start and duration of a URL's validity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validity {
    pub(super) start: SystemTime,
    pub(super) expires: Duration,
}

impl Validity {
    /// At least as long as requested, and at most a minute longer; never longer than the signing
    /// keys are valid.
    pub(super) fn of(
        expires_ms: u64,
        now: SystemTime,
        keys_expire: Option<SystemTime>,
    ) -> Result<Self> {
        let expires_s = expires_ms.div_ceil(1000);
        if expires_s > EXPIRES_MAX_S {
            return Err(Error::invalid(
                "presign_too_long",
                "a presigned URL is valid for at most 7 days",
            ));
        }
        let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let start = UNIX_EPOCH + Duration::from_secs(now_s - now_s % STEP_S);
        let wanted = Duration::from_secs((expires_s + STEP_S).min(EXPIRES_MAX_S));
        let signed =
            keys_expire.map_or(wanted, |end| end.duration_since(start).unwrap_or_default());
        let expires = wanted.min(signed).max(Duration::from_secs(1));
        Ok(Self { start, expires })
    }
}

pub(super) fn unsigned() -> Error {
    Error::internal("presign_failed", "cannot sign a URL; check the S3 settings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_works_for_as_long_as_asked_and_is_the_same_for_a_minute() {
        let early = Validity::of(
            90_000,
            UNIX_EPOCH + Duration::from_secs(1_760_000_040),
            None,
        )
        .unwrap();
        let late = Validity::of(
            90_000,
            UNIX_EPOCH + Duration::from_secs(1_760_000_099),
            None,
        )
        .unwrap();

        assert_eq!(early.start, late.start);
        assert_eq!(early.start, UNIX_EPOCH + Duration::from_secs(1_760_000_040));
        assert_eq!(early.expires, Duration::from_secs(150));
    }

    #[test]
    fn a_url_does_not_promise_more_than_the_keys_that_sign_it() {
        let now = UNIX_EPOCH + Duration::from_secs(1_760_000_050);

        let url = Validity::of(3_600_000, now, Some(now + Duration::from_secs(600))).unwrap();
        let short = Validity::of(60_000, now, Some(now + Duration::from_secs(600))).unwrap();

        assert_eq!(url.expires, Duration::from_secs(610));
        assert_eq!(short.expires, Duration::from_secs(120));
    }

    #[test]
    fn no_url_is_asked_to_outlive_what_sigv4_allows() {
        let week_ms = 7 * 24 * 60 * 60 * 1000;

        assert_eq!(
            Validity::of(week_ms, SystemTime::now(), None)
                .unwrap()
                .expires,
            Duration::from_secs(EXPIRES_MAX_S)
        );
        assert_eq!(
            Validity::of(week_ms + 1, SystemTime::now(), None)
                .unwrap_err()
                .code,
            "presign_too_long"
        );
    }
}
