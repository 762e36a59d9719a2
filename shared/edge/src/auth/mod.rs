//! JWT → Principal: finds whose token it is from the tenants' trusts, and whether it is valid.
//!
//! Independent of HTTP: the router extracts the token from its header and turns errors into
//! answers.

mod algorithm;
mod authenticator;
mod bounds;
mod claims;
mod discovery;
mod explain;
pub mod issuer;
mod key;
mod key_cache;
mod key_set;
mod key_uses;
mod own_keys;
mod probe;
mod refusal;
mod token;
mod trust_cache;
mod verified_cache;

pub use authenticator::Authenticator;
pub use bounds::AuthBounds;
pub use explain::{Explanation, TokenCheck};
pub use issuer::{LocalIssuer, TokenClaims};
pub use probe::{DroppedKey, TrustProbe, UsableKey};
