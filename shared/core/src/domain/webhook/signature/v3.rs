//! The provider's dialect: `v3,` and hex; the key is the text after `whsec_`, not its base64
//! decoding.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{SignedHeaders, mac};
use crate::base::error::{Error, Kind};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// Maximum difference between a `webhook-timestamp` and now, in either direction.
pub const TOLERANCE_S: i64 = 300;

/// Signs with every secret: while one is being rotated its receiver may know either.
pub fn sign(secrets: &[Secret], id: &str, now: Timestamp, body: &[u8]) -> SignedHeaders {
    let signed = |secret| {
        let tag = mac(key(secret), id, now.seconds(), body);
        format!("v3,{}", hex::encode(tag.as_ref()))
    };
    let signature = secrets.iter().map(signed).collect::<Vec<_>>().join(" ");
    SignedHeaders {
        id: id.to_owned(),
        timestamp: now.seconds(),
        signature,
    }
}

/// Fails with kind `Unauthenticated`: code `invalid_webhook_signature` without saying what was
/// wrong with it, or `invalid_webhook_time` for one that is right and of another time.
pub fn verify(
    secret: &Secret,
    headers: &SignedHeaders,
    now: Timestamp,
    body: &[u8],
) -> Result<(), Error> {
    let tag = mac(key(secret), &headers.id, headers.timestamp, body);
    let signed = headers
        .signature
        .split(' ')
        .filter_map(|part| hex::decode(part.strip_prefix("v3,")?).ok())
        .any(|given| verify_slices_are_equal(&given, tag.as_ref()).is_ok());
    if !signed {
        return Err(refused());
    }
    if now.seconds().abs_diff(headers.timestamp) > TOLERANCE_S.unsigned_abs() {
        return Err(of_another_time(headers.timestamp, now));
    }
    Ok(())
}

fn refused() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "invalid_webhook_signature",
        "the webhook's signature is not valid",
    )
}

fn of_another_time(signed_at: i64, now: Timestamp) -> Error {
    let text = format!(
        "the webhook was signed at {}, and the clock here says {}; one of the two clocks is off, or the webhook is an old one sent \
         again: set this clock by NTP",
        Timestamp(signed_at.saturating_mul(1_000)).rfc3339(),
        now.whole_seconds().rfc3339(),
    );
    Error::new(Kind::Unauthenticated, "invalid_webhook_time", text)
}

fn key(secret: &Secret) -> &[u8] {
    secret
        .expose()
        .strip_prefix("whsec_")
        .unwrap_or_else(|| secret.expose())
        .as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("whsec_dGVzdC1zZWNyZXQtMDAwMQ==")
    }

    const NOW: Timestamp = Timestamp(1_760_000_000_000);
    const BODY: &[u8] = br#"{"id":"p1","status":"completed"}"#;

    #[test]
    fn a_signature_is_the_one_of_the_contract_s_vector() {
        let headers = sign(&[secret()], "evt_01", NOW, BODY);

        assert_eq!(
            headers.signature,
            "v3,caadfa86d78eeadcdbdfd8ee53f9e4f5f797455838570a11478d6d2865f53b43"
        );
        assert!(verify(&secret(), &headers, NOW, BODY).is_ok());
    }

    #[test]
    fn a_changed_body_a_changed_id_and_another_secret_are_refused() {
        let headers = sign(&[secret()], "evt_01", NOW, BODY);
        let other_id = SignedHeaders {
            id: "evt_02".to_owned(),
            ..headers.clone()
        };

        assert!(verify(&secret(), &headers, NOW, b"{}").is_err());
        assert!(verify(&secret(), &other_id, NOW, BODY).is_err());
        assert!(verify(&Secret::new("whsec_other"), &headers, NOW, BODY).is_err());
    }

    #[test]
    fn a_webhook_of_another_time_tells_both_clocks_if_its_signature_is_right() {
        let headers = sign(&[secret()], "evt_01", NOW, BODY);

        for now in [NOW.plus_ms(301_000), NOW.minus_ms(301_000)] {
            let refused = verify(&secret(), &headers, now, BODY).unwrap_err();
            assert_eq!(refused.code, "invalid_webhook_time");
            for time in [NOW, now] {
                assert!(refused.message.contains(&time.rfc3339()), "{refused}");
            }
            let forged = verify(&Secret::new("whsec_other"), &headers, now, BODY).unwrap_err();
            assert_eq!(forged.code, "invalid_webhook_signature");
        }
    }
}
