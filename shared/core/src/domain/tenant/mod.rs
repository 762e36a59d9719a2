//! Tenants, their trusts, and the audit log.

mod api_key;
mod audit_log;
mod destination;
mod destination_health;
pub mod jwk;
mod key_template;
mod limits;
mod principal;
mod record;
mod redact;
mod retention_days;
pub mod rsa_key;
mod trust;

pub use api_key::{
    ApiKey, Issuer, KEYS_MAX, KeyLimit, KeyName, KeySigner, KeysChange, LiveKey, ModelPattern,
    PublicKey,
};
pub use audit_log::{Actor, AuditAction, AuditEntry};
pub use destination::{
    Archiving, AssumedRole, Checksums, Destination, OutputUrls, S3Store, StoreKeys,
};
pub use destination_health::{
    DestinationBreak, DestinationChange, DestinationHealth, DestinationRefusal, DestinationSeen,
};
pub use key_template::{KeyParts, KeyTemplate, is_segment};
pub use limits::Limits;
pub use principal::{Principal, Scope};
pub use record::{Tenant, TenantState, UnarchivedOutputs};
pub use redact::redacted;
pub use retention_days::RetentionDays;
pub use trust::{
    Audience, ClaimMatch, ClaimPath, FittingTrusts, KeySource, Preset, ScopeMapping, TenantClaim,
    Trust, TrustDraft, TrustIndex, Unfit,
};
