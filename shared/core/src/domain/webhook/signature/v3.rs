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

/// Fails with kind `Unauthenticated` without saying what was wrong with the signature.
pub fn verify(
    secret: &Secret,
    headers: &SignedHeaders,
    now: Timestamp,
    body: &[u8],
) -> Result<(), Error> {
    if now.seconds().abs_diff(headers.timestamp) > TOLERANCE_S.unsigned_abs() {
        return Err(refused());
    }
    let tag = mac(key(secret), &headers.id, headers.timestamp, body);
    let signed = headers
        .signature
        .split(' ')
        .filter_map(|part| hex::decode(part.strip_prefix("v3,")?).ok())
        .any(|given| verify_slices_are_equal(&given, tag.as_ref()).is_ok());
    if signed { Ok(()) } else { Err(refused()) }
}

fn refused() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "invalid_webhook_signature",
        "the webhook's signature or timestamp is not valid",
    )
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
    fn a_changed_body_a_changed_id_another_secret_and_an_old_timestamp_are_refused() {
        let headers = sign(&[secret()], "evt_01", NOW, BODY);
        let other_id = SignedHeaders {
            id: "evt_02".to_owned(),
            ..headers.clone()
        };

        assert!(verify(&secret(), &headers, NOW, b"{}").is_err());
        assert!(verify(&secret(), &other_id, NOW, BODY).is_err());
        assert!(verify(&Secret::new("whsec_other"), &headers, NOW, BODY).is_err());
        assert!(verify(&secret(), &headers, NOW.plus_ms(301_000), BODY).is_err());
        assert!(verify(&secret(), &headers, Timestamp(NOW.0 - 301_000), BODY).is_err());
    }
}
