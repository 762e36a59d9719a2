//! Why a token is refused. The texts help its owner but tell a forger nothing about the signature.

use std::borrow::Cow;

use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind};

/// One reason, with a stable code. Always kind `Unauthenticated`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    TooLong,
    Malformed,
    /// The header or the claims.
    Unreadable,
    Header(&'static str),
    Algorithm,
    IssuerUnknown,
    KeyUnknown(Cow<'static, str>),
    Signature,
    Expired(Times),
    NotYetValid(Times),
    /// The claim that ought to name the audience.
    Audience(String),
    Claims(&'static str),
    /// Its claims match no tenant.
    NoTenant(String),
    /// A trust or an API key whose tenant is gone.
    TenantGone,
    SeveralTenants(String),
    /// Of an API key.
    OtherInstallation,
    KeyExpired(Times),
    KeyRevoked,
}

/// When the token begins or ceases to be valid, and what the clock here says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) token: Timestamp,
    pub(super) now: Timestamp,
}

impl Times {
    /// Whoever compares them finds out whose clock is off.
    fn told(self, what: &str, mend: &str) -> Cow<'static, str> {
        let [token, now] = [self.token, self.now].map(|at| at.whole_seconds().rfc3339());
        format!("{what} {token}, and the clock here says {now}; {mend}").into()
    }
}

impl Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::TooLong | Self::Malformed | Self::Unreadable | Self::Header(_) => {
                "token_malformed"
            }
            Self::Algorithm => "token_algorithm",
            Self::IssuerUnknown | Self::OtherInstallation => "token_issuer_unknown",
            Self::KeyUnknown(_) => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::Expired(_) | Self::KeyExpired(_) => "token_expired",
            Self::NotYetValid(_) => "token_not_yet_valid",
            Self::Audience(_) => "token_audience",
            Self::Claims(_) => "token_claims",
            Self::NoTenant(_) | Self::TenantGone | Self::SeveralTenants(_) => "tenant_unknown",
            Self::KeyRevoked => "key_revoked",
        }
    }

    pub(super) fn text(&self) -> Cow<'static, str> {
        let text = match self {
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
                "the token must be signed with RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA (Ed25519), matching the algorithm of its key"
            }
            Self::IssuerUnknown => {
                "no tenant trusts the token's issuer; compare its 'iss' with the tenant's trust, byte for byte"
            }
            Self::Signature => "the token's signature is not valid",
            Self::Expired(times) => {
                let mend = "get a new one from its issuer, unless this clock is wrong";
                return times.told("the token expired at", mend);
            }
            Self::NotYetValid(times) => {
                let mend = "check the issuer's clock and this one";
                return times.told("the token is not valid yet: it begins at", mend);
            }
            Self::OtherInstallation => {
                "this API key was made by another Fluxgate installation; use one that was made here"
            }
            Self::KeyExpired(times) => {
                let mend = "make a new one, unless this clock is wrong";
                return times.told("this API key has expired: it was valid until", mend);
            }
            Self::KeyRevoked => "this API key was revoked; use another one",
            Self::TenantGone => "the tenant that the token speaks for is deleted",
            Self::Header(text) | Self::Claims(text) => text,
            Self::KeyUnknown(text) => return text.clone(),
            Self::Audience(claim) => {
                return format!(
                    "the token is for a different audience: its '{claim}' does not contain the audience of the tenant's trust"
                )
                .into();
            }
            Self::NoTenant(why) => {
                return format!(
                    "the token's issuer is trusted, but its claims match no tenant: {why}"
                )
                .into();
            }
            Self::SeveralTenants(how) => return format!("the token matches {how}").into(),
        };
        text.into()
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Unauthenticated, refusal.code(), refusal.text())
    }
}
