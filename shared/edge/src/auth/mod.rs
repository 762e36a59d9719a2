//! JWT → Principal: finds whose token it is from the tenants' trusts, and whether it is valid.
//!
//! Independent of HTTP: the router extracts the token from its header and turns errors into
//! answers.

mod authenticator;
mod bounds;
mod claims;
mod discovery;
pub mod issuer;
mod key;
mod key_cache;
mod key_set;
mod refusal;
mod token;
mod trust_cache;
mod verified_cache;

pub use authenticator::Authenticator;
pub use bounds::AuthBounds;
pub use issuer::{LocalIssuer, TokenClaims};
