//! The only key pair that the server accepts. Any other is answered as AWS answers it.

use fluxgate_core::secret::Secret;
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

pub(super) struct KeyPair {
    access_key: String,
    secret_key: SecretKey,
}

impl KeyPair {
    pub(super) fn new(access_key: String, secret_key: &Secret) -> Self {
        Self {
            access_key,
            secret_key: secret_key.expose().into(),
        }
    }
}

#[async_trait::async_trait]
impl S3Auth for KeyPair {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            return Err(s3_error!(
                InvalidAccessKeyId,
                "this server does not know the access key; use the one of its data folder"
            ));
        }
        Ok(self.secret_key.clone())
    }
}
