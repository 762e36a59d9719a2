//! The provider's `v3` webhook signature, which looks like Standard Webhooks but is not.

use aws_lc_rs::hmac::{self, HMAC_SHA256};

/// `v3,<hex>` over `{id}.{timestamp}.{body}`; the key is the text after `whsec_`, not decoded.
pub(crate) fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(
        HMAC_SHA256,
        secret.strip_prefix("whsec_").unwrap_or(secret).as_bytes(),
    );
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    format!("v3,{}", hex::encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_contract_is_reproduced() {
        let body = br#"{"id":"p1","status":"completed"}"#;

        let signature = sign(
            "whsec_dGVzdC1zZWNyZXQtMDAwMQ==",
            "evt_01",
            1_760_000_000,
            body,
        );

        assert_eq!(
            signature,
            "v3,caadfa86d78eeadcdbdfd8ee53f9e4f5f797455838570a11478d6d2865f53b43"
        );
    }
}
