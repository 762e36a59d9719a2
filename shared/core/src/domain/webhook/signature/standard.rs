//! Standard Webhooks, symmetric: `v1,` and the base64 of HMAC-SHA256. Source: the Standard Webhooks
//! specification, 1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SignedHeaders, mac};
use crate::base::error::Error;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// Signs with every secret, so that a receiver may hold any of them. Fails if a secret is not
/// `whsec_` and base64.
pub fn sign(
    secrets: &[Secret],
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Result<SignedHeaders, Error> {
    let mut signatures = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let tag = mac(&key(secret)?, id, now.seconds(), body);
        signatures.push(format!("v1,{}", STANDARD.encode(tag.as_ref())));
    }
    Ok(SignedHeaders {
        id: id.to_owned(),
        timestamp: now.seconds(),
        signature: signatures.join(" "),
    })
}

fn key(secret: &Secret) -> Result<Vec<u8>, Error> {
    let encoded = secret
        .expose()
        .strip_prefix("whsec_")
        .unwrap_or_else(|| secret.expose());
    STANDARD.decode(encoded).map_err(|_| {
        Error::invalid(
            "invalid_webhook_secret",
            "an endpoint secret must be 'whsec_' and 24 to 64 bytes in base64",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of the specification's reference libraries.
    #[test]
    fn a_signature_is_the_one_of_the_reference_libraries() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;

        let headers = sign(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp(1_614_265_330_000),
            body,
        )
        .unwrap();

        assert_eq!(
            headers.signature,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
