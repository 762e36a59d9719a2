//! The signature algorithms that a token may use, and which of them a key verifies.

use jsonwebtoken::Algorithm;

/// A token says which of these its key was used with: the kind of key decides between the families,
/// so that none is taken for another (RFC 8725, section 3.1).
pub(super) const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
pub(super) const P256: [Algorithm; 1] = [Algorithm::ES256];
pub(super) const P384: [Algorithm; 1] = [Algorithm::ES384];
pub(super) const ED25519: [Algorithm; 1] = [Algorithm::EdDSA];

/// `None` for `none`, for what shares a secret, and for whatever else there is. `Ed25519` is the
/// name that RFC 9864 gives what was the only curve of `EdDSA` in use.
pub(super) fn accepted(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "RS384" => Some(Algorithm::RS384),
        "RS512" => Some(Algorithm::RS512),
        "PS256" => Some(Algorithm::PS256),
        "PS384" => Some(Algorithm::PS384),
        "PS512" => Some(Algorithm::PS512),
        "ES256" => Some(Algorithm::ES256),
        "ES384" => Some(Algorithm::ES384),
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        _ => None,
    }
}
