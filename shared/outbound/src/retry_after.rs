//! The `Retry-After` header, RFC 9110 section 10.2.3: seconds, or a date.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How long to wait from now, in milliseconds; zero for a date in the past, `None` without a
/// readable header.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    parse(
        headers.get(RETRY_AFTER)?.to_str().ok()?.trim(),
        Timestamp::now(),
    )
}

fn parse(text: &str, now: Timestamp) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(u64::try_from(date.as_millisecond() - now.as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();

        assert_eq!(parse("120", now), Some(120_000));
        assert_eq!(parse("Thu, 01 Jan 2026 00:01:30 GMT", now), Some(90_000));
        assert_eq!(parse("Wed, 31 Dec 2025 23:59:59 GMT", now), Some(0));
        assert_eq!(parse("99999999999999999999", now), None);
        for text in ["", "-1", "soon", "1.5"] {
            assert_eq!(parse(text, now), None, "{text:?}");
        }
    }
}
