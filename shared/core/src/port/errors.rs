//! The errors that ports promise, in one place, so that every adapter says the same.

use crate::base::error::{Error, Kind, Reason};
use crate::base::id::TenantId;
use crate::domain::money::MicroUsd;

/// Somebody else wrote it first.
pub fn version_moved(text: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, "version_conflict", text).because(Reason::VersionMoved)
}

/// Of a task.
pub fn task_changed() -> Error {
    version_moved("the task changed meanwhile; read it again")
}

/// Of a delivery.
pub fn delivery_changed() -> Error {
    version_moved("the delivery changed meanwhile; read it again")
}

/// Of a timeline that a note was for.
pub fn timeline_grew() -> Error {
    version_moved("the timeline grew meanwhile; read it again")
}

/// Of a tenant.
pub fn tenant_changed(id: &TenantId) -> Error {
    version_moved(format!(
        "tenant '{id}' was changed meanwhile; look at it and change it again"
    ))
}

/// Of how far an export of usage has come.
pub fn export_went_on() -> Error {
    version_moved("another export went on meanwhile; read where it stands")
}

/// The first task to name a run owns it.
pub fn run_claimed() -> Error {
    let text = "this run belongs to another task";
    Error::new(Kind::Conflict, "run_claimed", text).because(Reason::RunClaimed)
}

/// A name that is taken.
pub fn tenant_exists(id: &TenantId) -> Error {
    let text = format!("there is a tenant '{id}' already; choose another name");
    Error::new(Kind::Conflict, "tenant_exists", text)
}

/// A top-up's reference that stands for another amount.
pub fn reference_used(reference: &str, before: MicroUsd) -> Error {
    let text =
        format!("the reference '{reference}' was used for a top-up of {before}; use a new one");
    Error::new(Kind::Conflict, "reference_used", text)
}

fn no_record(text: impl Into<String>) -> Error {
    Error::not_found(text).because(Reason::NoRecord)
}

pub fn no_such_task() -> Error {
    no_record("there is no task of this id; ids are 32 hex characters, as the submit answered")
}

pub fn no_such_delivery() -> Error {
    no_record("there is no delivery of this id")
}

pub fn no_such_endpoint() -> Error {
    no_record("there is no endpoint of this id; GET /v1/endpoints lists yours")
}

pub fn no_such_tenant(id: &TenantId) -> Error {
    no_record(format!(
        "there is no tenant '{id}'; 'fluxgate tenants list' shows those there are"
    ))
}
