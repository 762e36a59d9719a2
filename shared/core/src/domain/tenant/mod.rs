//! Tenants, their trusts, and the audit log.

mod audit_log;
mod limits;
mod principal;
mod record;
pub mod rsa_key;

pub use audit_log::{Actor, AuditAction, AuditEntry};
pub use limits::Limits;
pub use principal::{Principal, Scope};
pub use record::{
    AssumedRole, ClaimMatch, Destination, KeySource, ScopeMapping, Tenant, TenantState, Trust,
    UnarchivedOutputs,
};
