//! Why a token is refused. The texts help its owner but tell a forger nothing about the signature.

use fluxgate_core::{Error, Kind};

/// One reason, with a stable code. Always kind `Unauthenticated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    TooLong,
    Malformed,
    /// The header or the claims.
    Unreadable,
    Header(&'static str),
    Algorithm,
    IssuerUnknown,
    KeyUnknown,
    Signature,
    Expired,
    NotYetValid,
    Audience,
    Claims(&'static str),
    NoTenant,
    SeveralTenants,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::TooLong | Self::Malformed | Self::Unreadable | Self::Header(_) => {
                "token_malformed"
            }
            Self::Algorithm => "token_algorithm",
            Self::IssuerUnknown => "token_issuer_unknown",
            Self::KeyUnknown => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Audience => "token_audience",
            Self::Claims(_) => "token_claims",
            Self::NoTenant | Self::SeveralTenants => "tenant_unknown",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Missing => "the request has no token; send 'Authorization: Bearer <JWT>'",
            Self::TooLong => "the token is too long; issue one with fewer claims",
            Self::Malformed => {
                "the token is not a JWT: three parts of base64url without padding, the first two JSON objects; a key of the provider's account is not taken here, send the tenant's token"
            }
            Self::Unreadable => {
                "the token's header and its claims must each be a JSON object in UTF-8 without duplicate keys and of \
                 ordinary size"
            }
            Self::Algorithm => {
                "the token must be signed with RS256, ES256 or EdDSA, matching the algorithm of its key"
            }
            Self::IssuerUnknown => {
                "no tenant trusts the token's issuer; compare its 'iss' with the tenant's trust, byte for byte"
            }
            Self::KeyUnknown => "the issuer's key set has no usable key with the token's 'kid'",
            Self::Signature => "the token's signature is not valid",
            Self::Expired => "the token has expired; get a new one from its issuer",
            Self::NotYetValid => "the token is not valid yet; check the issuer's clock",
            Self::Audience => {
                "the token is for a different audience: its 'aud' does not contain the audience of the tenant's trust"
            }
            Self::Header(text) | Self::Claims(text) => text,
            Self::NoTenant => "the token's issuer is trusted, but its claims match no tenant",
            Self::SeveralTenants => {
                "the token matches several tenants; give each tenant's trust a distinct claim value"
            }
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Unauthenticated, refusal.code(), refusal.text())
    }
}
