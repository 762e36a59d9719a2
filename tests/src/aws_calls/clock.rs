//! AWS's own clock, by which it judges when a call was signed.

use std::sync::Mutex;

use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};
use axum::http::{HeaderMap, HeaderValue, header};
use fluxgate_core::time::Timestamp;

use super::denial;

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>
const ACCEPTED_MS: u64 = 300_000;

/// How AWS's clock goes compared with the functions'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AwsClock {
    #[default]
    Agrees,
    /// Ahead by so many seconds: what is signed by the functions' clock is refused.
    Ahead(u32),
    /// The same, and no signature helps.
    AheadAndDeaf(u32),
}

#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<AwsClock>);

impl Clock {
    pub(super) fn set(&self, clock: AwsClock) {
        *self.lock() = clock;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AwsClock> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// The time that answers tell, if it is not the functions'.
    fn time(&self, now: Timestamp) -> Option<Timestamp> {
        match *self.lock() {
            AwsClock::Agrees => None,
            AwsClock::Ahead(seconds) | AwsClock::AheadAndDeaf(seconds) => {
                Some(now.plus_ms(u64::from(seconds) * 1_000))
            }
        }
    }

    /// The answer to a call that was signed at another time.
    pub(super) fn refusal(
        &self,
        action: &str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<(u16, HeaderMap, String)> {
        let time = self.time(now)?;
        let is_deaf = matches!(*self.lock(), AwsClock::AheadAndDeaf(_));
        let signed_at = headers.get("x-amz-date").and_then(|at| at.to_str().ok());
        let signed_at = signed_at.and_then(signature_time)?;
        if !is_deaf && signed_at.0.abs_diff(time.0) <= ACCEPTED_MS {
            return None;
        }
        let (service, _) = action.split_once(':').unwrap_or_default();
        let code = match service {
            "s3" => "RequestTimeTooSkewed",
            "sts" => "SignatureDoesNotMatch",
            _ => "InvalidSignatureException",
        };
        let (status, mut headers, body) = denial::answer(service, code, "Signature expired");
        self.date(&mut headers, now);
        Some((status, headers, body))
    }

    /// Puts the time that an answer tells into its headers.
    pub(super) fn date(&self, headers: &mut HeaderMap, now: Timestamp) {
        if let Some(time) = self.time(now) {
            let date = DateTime::from_secs(time.seconds()).fmt(DateTimeFormat::HttpDate);
            let date = date.expect("the time is within years of four digits");
            let date = HeaderValue::from_str(&date).expect("a date is visible ASCII");
            headers.insert(header::DATE, date);
        }
    }
}

/// As `20261129T084151Z`.
fn signature_time(text: &str) -> Option<Timestamp> {
    let at = |range| text.get::<std::ops::Range<usize>>(range);
    let (date, time) = (
        [at(0..4)?, at(4..6)?, at(6..8)?].join("-"),
        [at(9..11)?, at(11..13)?, at(13..15)?].join(":"),
    );
    Timestamp::from_rfc3339(&format!("{date}T{time}Z"))
}
