//! Why a token is refused. The texts help its owner, and tell a forger nothing about the signature.

use fluxgate_core::{Error, Kind};

/// One reason, with its stable code. Always kind `Unauthenticated`.
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
            Self::Missing => "no token was given; send 'authorization: Bearer' and a JWT",
            Self::TooLong => "the token is longer than a token may be here; put less into it",
            Self::Malformed => {
                "the token is not a JWT: three parts of base64url without padding, the first two JSON objects"
            }
            Self::Unreadable => {
                "the token's header and its claims must each be a JSON object in UTF-8 that names nothing twice and is of \
                 ordinary size"
            }
            Self::Algorithm => {
                "the token must be signed with RS256, ES256 or EdDSA, and with the algorithm of its key"
            }
            Self::IssuerUnknown => {
                "no tenant trusts the token's issuer; compare its 'iss' with the tenant's trust, byte for byte"
            }
            Self::KeyUnknown => "the issuer's key set holds no usable key of the token's 'kid'",
            Self::Signature => "the token's signature does not fit",
            Self::Expired => "the token has expired; get a new one from its issuer",
            Self::NotYetValid => {
                "the token is not valid yet; compare the issuer's clock with the time"
            }
            Self::Audience => {
                "the token is meant for someone else: its 'aud' does not hold the audience of the tenant's trust"
            }
            Self::Header(text) | Self::Claims(text) => text,
            Self::NoTenant => "the token's issuer is trusted, but its claims name no tenant",
            Self::SeveralTenants => {
                "the token could speak for several tenants; give each one's trust a claim of its own"
            }
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Unauthenticated, refusal.code(), refusal.text())
    }
}
