//! JWT → Principal: whose token it is, by the trust of the tenants, and whether it still holds.
//!
//! Knows nothing of HTTP: the router takes the token out of its header, and turns the errors into
//! answers.

mod authenticator;
mod bounds;
mod claims;
mod discovery;
pub mod issuer;
mod key;
mod key_cache;
mod key_set;
mod key_slot;
mod refusal;
mod token;
mod trust_cache;
mod verified_cache;

pub use authenticator::Authenticator;
pub use bounds::AuthBounds;
pub use discovery::KeySetFetcher;
pub use issuer::{LocalIssuer, TokenClaims};
