//! The errors that ports specify, in one place, so that all adapters return the same ones.

use crate::base::echo::echo;
use crate::base::error::{Error, Kind, Reason, Retry};
use crate::base::id::{BatchId, EndpointId, KeyId, TenantId};
use crate::domain::money::MicroUsd;

/// A concurrent write came first.
pub fn version_moved(text: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, "version_conflict", text).because(Reason::VersionMoved)
}

/// [`version_moved`] for a task.
pub fn task_changed() -> Error {
    version_moved("the task changed meanwhile; read it again")
}

/// [`version_moved`] for a delivery.
pub fn delivery_changed() -> Error {
    version_moved("the delivery changed meanwhile; read it again")
}

/// Of an event that would lie where the reader of an inbox has looked already.
pub fn event_late() -> Error {
    let text = "an inbox was read past this event's time, or its endpoint is gone; tell it with a later one";
    Error::new(Kind::Conflict, "event_late", text).because(Reason::EventLate)
}

/// Of an endpoint.
pub fn endpoint_changed() -> Error {
    version_moved("the endpoint was changed meanwhile; read it and try again")
}

/// Somebody else replaced the keys that links are signed with.
pub fn capability_keys_changed() -> Error {
    let text =
        "the keys that links are signed with were changed meanwhile; look at them and try again";
    Error::new(Kind::Conflict, "capability_keys_changed", text).retry(Retry::Never)
}

/// Runs may have been sent since the backup that the store was restored from.
pub fn restoration_needed() -> Error {
    let text = "the service was restored from a backup and takes no new tasks until its operator has run 'fluxgate restoration start'; what was there can be read, try again later";
    Error::unavailable("restoration_needed", text)
        .retry(Retry::AfterMs(RESTORATION_AFTER_MS))
        .because(Reason::RestorationNeeded)
}

/// The store was restored to be looked at alone.
pub fn drill() -> Error {
    let text = "this is a drill of a restored backup: it can be read, and takes and sends nothing; use the real installation, or end the drill by 'fluxgate restoration start'";
    Error::unavailable("drill", text)
        .retry(Retry::AfterMs(RESTORATION_AFTER_MS))
        .because(Reason::Drill)
}

/// `Retry-After`: the operator is at work.
const RESTORATION_AFTER_MS: u64 = 60_000;

/// [`version_moved`] for a batch.
pub fn batch_changed() -> Error {
    version_moved("the batch changed meanwhile; read it again")
}

/// [`version_moved`] for the days that are filled in.
pub fn day_fill_moved() -> Error {
    version_moved("the days were filled in meanwhile; read how far again")
}

/// A tenant has as many unfinished batches as it may have.
pub fn too_many_batches(unfinished_max: u32) -> Error {
    let text = format!(
        "{unfinished_max} batches are unfinished, which is the maximum; wait until one has ended, or cancel one"
    );
    Error::new(Kind::Busy, "too_many_batches", text).retry(Retry::AfterMs(BATCH_AGAIN_AFTER_MS))
}

/// `Retry-After`: a batch takes minutes.
const BATCH_AGAIN_AFTER_MS: u64 = 60_000;

/// Two endpoints of one URL would tell the same receiver everything twice.
pub fn endpoint_exists(id: &EndpointId) -> Error {
    let text = format!("the endpoint '{id}' has this URL already; change that one");
    Error::new(Kind::Conflict, "endpoint_exists", text).field("url")
}

/// Of a timeline that a note was for.
pub fn timeline_grew() -> Error {
    version_moved("the timeline changed meanwhile; read it again")
}

/// [`version_moved`] for a tenant.
pub fn tenant_changed(id: &TenantId) -> Error {
    version_moved(format!(
        "tenant '{id}' was changed meanwhile; read it again and repeat the change"
    ))
}

/// [`version_moved`] for the installation's record as an issuer.
pub fn issuer_changed() -> Error {
    version_moved("the signing keys were changed meanwhile; try again")
}

/// Another rotation replaced the key ring.
pub fn encryption_keys_changed() -> Error {
    let text = "somebody else changed the encryption keys meanwhile; ask for their status, and go on with the rotation";
    Error::new(Kind::Conflict, "encryption_keys_changed", text)
}

/// [`version_moved`] for a usage export's cursor.
pub fn export_went_on() -> Error {
    version_moved("another export saved its cursor meanwhile; read the cursor again")
}

/// The first task to name a run owns it.
pub fn run_claimed() -> Error {
    let text = "this run belongs to another task";
    Error::new(Kind::Conflict, "run_claimed", text).because(Reason::RunClaimed)
}

/// The tenant name is taken.
pub fn tenant_exists(id: &TenantId) -> Error {
    let text = format!("tenant '{id}' already exists; choose another name");
    Error::new(Kind::Conflict, "tenant_exists", text)
}

/// The reference of a top-up was already used with another amount.
pub fn reference_used(reference: &str, before: MicroUsd) -> Error {
    let text = format!(
        "the reference '{reference}' was already used for a top-up of {before}; use a new one"
    );
    Error::new(Kind::Conflict, "reference_used", text)
}

/// The reference of an adjustment was already used with another amount.
pub fn adjustment_used(reference: &str, before: MicroUsd) -> Error {
    let text = format!("the reference '{reference}' was already used for {before}; use a new one");
    Error::new(Kind::Conflict, "reference_used", text)
}

/// A top-up was taken back: its reference is used up.
pub fn top_up_voided(reference: &str, before: MicroUsd) -> Error {
    let text = format!(
        "the top-up '{reference}' of {before} was voided; use a new reference to add money again"
    );
    Error::new(Kind::Conflict, "top_up_voided", text)
}

pub fn no_such_top_up(reference: &str) -> Error {
    let reference = echo(reference);
    no_record(format!(
        "there is no top-up with the reference '{reference}'; the ledger lists them"
    ))
}

fn no_record(text: impl Into<String>) -> Error {
    Error::not_found(text).because(Reason::NoRecord)
}

pub fn no_such_task() -> Error {
    no_record(
        "there is no task with this id; use the id from the submit's answer (32 hex characters); \
         tasks are removed after tasks_kept_ms (400 days unless set)",
    )
}

pub fn no_such_batch(id: &BatchId) -> Error {
    no_record(format!(
        "there is no batch '{id}'; GET /v1/batches lists yours, which are kept for 30 days"
    ))
}

pub fn no_such_delivery() -> Error {
    no_record("there is no delivery with this id")
}

pub fn no_such_endpoint() -> Error {
    no_record("there is no endpoint with this id; GET /v1/endpoints lists yours")
}

pub fn no_such_key(id: &KeyId) -> Error {
    no_record(format!(
        "there is no API key '{id}'; list the tenant's keys"
    ))
}

pub fn no_such_tenant(id: &TenantId) -> Error {
    no_record(format!(
        "there is no tenant '{id}'; 'fluxgate tenants list' lists all tenants"
    ))
}
