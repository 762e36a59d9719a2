//! Whose tokens speak for a tenant, and how their claims are read. Pure: no token is verified here.

mod ambiguity;
mod audience;
mod claim_path;
mod draft;
mod fitting;
mod preset;
mod record;
mod scope_words;
mod user_editable;

pub use audience::Audience;
pub use claim_path::{ClaimPath, Unfit};
pub use draft::TrustDraft;
pub use fitting::{FittingTrusts, TrustIndex};
pub use preset::Preset;
pub use record::{ClaimMatch, KeySource, ScopeMapping, TenantClaim, Trust};
