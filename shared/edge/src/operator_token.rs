//! The operator's token, for installations without IAM.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderMap;
use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::secret::Secret;

use crate::bearer::token;

/// Stored only as a digest.
#[derive(Clone)]
pub struct OperatorToken(Sha256);

impl OperatorToken {
    pub fn new(token: &Secret) -> Self {
        Self(sha256(token.expose().as_bytes()))
    }

    /// Compares digests in constant time, so that neither the token nor its length can be probed.
    pub(crate) fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        token(headers)
            .is_ok_and(|token| verify_slices_are_equal(&sha256(token.as_bytes()), &self.0).is_ok())
    }
}
