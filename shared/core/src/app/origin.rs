//! Whether a request came by the installation's own front, which alone knows a secret. What it came
//! for is not looked at.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::base::digest::sha256;
use crate::base::error::{Error, Kind, Result};
use crate::base::secret::Secret;
use crate::port::OriginSecrets;

const VALUE_CHARS_MIN: usize = 32;
/// The new value and the old one.
const VALUES_MAX: usize = 2;

/// Lets requests through that carry the front's secret.
pub struct OriginCheck {
    secrets: Arc<dyn OriginSecrets>,
}

impl OriginCheck {
    pub fn new(secrets: Arc<dyn OriginSecrets>) -> Self {
        Self { secrets }
    }

    /// Kind `Forbidden` with code `front_bypassed` unless this is one of the front's values. Kind
    /// `Unavailable` if these cannot be read: then nobody is let through.
    pub async fn check(&self, presented: Option<&[u8]>, domain: &str) -> Result<()> {
        let stored = self.secrets.origin_secret().await.map_err(unreadable)?;
        let values = parsed(&stored)?;
        let presented = sha256(presented.unwrap_or_default());
        // Each is compared, and in constant time, so that the time taken says nothing.
        let fits =
            |value: &&str| verify_slices_are_equal(&sha256(value.as_bytes()), &presented).is_ok();
        if values.iter().filter(|value| fits(value)).count() > 0 {
            return Ok(());
        }
        let place = match domain {
            "" => String::new(),
            domain => format!(", {domain}"),
        };
        let text = format!(
            "this address is not for callers; use the domain of this gateway{place}, with the same path"
        );
        Err(Error::new(Kind::Forbidden, "front_bypassed", text))
    }
}

fn parsed(stored: &Secret) -> Result<Vec<&str>> {
    let values: Vec<&str> = stored.expose().split_whitespace().collect();
    let are_long = values.iter().all(|value| value.len() >= VALUE_CHARS_MIN);
    if are_long && (1..=VALUES_MAX).contains(&values.len()) {
        return Ok(values);
    }
    let text = format!(
        "the origin secret must hold one value of at least {VALUE_CHARS_MIN} characters, or two with a space between them; put it there again"
    );
    Err(unreadable(Error::unavailable("secret_unreadable", text)))
}

/// Strangers are not told of the installation's secrets; the log is.
fn unreadable(error: Error) -> Error {
    let text = "the gateway cannot check now where this request came from; try again";
    Error::unavailable("origin_unknown", text).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "n2345678901234567890123456789012";
    const OLD: &str = "o2345678901234567890123456789012";

    fn values(stored: &str) -> Result<usize> {
        parsed(&Secret::new(stored)).map(|values| values.len())
    }

    #[test]
    fn one_value_or_two_are_taken_and_what_is_short_or_too_much_is_not() {
        assert_eq!(values(NEW).unwrap(), 1);
        assert_eq!(values(&format!("{NEW} {OLD}")).unwrap(), 2);
        assert_eq!(values(&format!("{NEW}\n{OLD}\n")).unwrap(), 2);
        for stored in [
            String::new(),
            NEW[1..].to_owned(),
            format!("{NEW} old"),
            format!("{NEW} {OLD} {NEW}"),
        ] {
            let error = values(&stored).unwrap_err();
            assert_eq!(error.code, "origin_unknown");
            assert!(error.with_causes().contains("at least 32 characters"));
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
