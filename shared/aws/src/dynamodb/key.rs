//! The layout of the one table: which key holds what. A tenant's items share a partition. Items
//! that belong to no tenant have their own partitions, and so do deliveries (`delivery_key.rs`) and
//! cold inputs, whose megabytes would use up the write limit of their tenant's partition.

use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::id::{
    AuditId, EndpointId, EventId, IdempotencyKey, KeyId, RunId, TaskId, TenantId,
};
use fluxgate_core::money::{EntryKind, KeyCount, LedgerEntry};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, text};

/// The partition key's and the sort key's names.
pub const PK: &str = "pk";
pub const SK: &str = "sk";
/// When DynamoDB may remove an item, in seconds since 1970.
pub const EXPIRES_AT: &str = "expires_at";

pub(super) const TASK_PREFIX: &str = "TASK#";
pub(super) const LEDGER_PREFIX: &str = "LEDGER#";
pub(super) const TOP_UP_PREFIX: &str = "TOPUP#";
/// Closed days; the sums of origins that have items of their own sort behind their day.
pub(super) const DAY_PREFIX: &str = "DAY#";
pub(super) const ENDPOINT_PREFIX: &str = "ENDPOINT#";
pub(super) const EXPORT_PREFIX: &str = "EXPORT#";
pub(super) const API_KEY_PREFIX: &str = "APIKEY#";

/// The partition that lists the tenants by id.
pub(super) const TENANTS: &str = "TENANTS";

/// The partition of the audit log, sorted by the ids of its entries. Operators make few changes.
pub(super) const AUDIT: &str = "AUDIT";

/// The key of one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn of(tenant: &TenantId, sk: impl Into<String>) -> Self {
        Self {
            pk: tenant_partition(tenant),
            sk: sk.into(),
        }
    }

    pub(super) fn task(tenant: &TenantId, id: &TaskId) -> Self {
        Self::of(tenant, format!("{TASK_PREFIX}{id}"))
    }

    /// Part `n` of a task's cold inputs.
    pub(super) fn inputs(tenant: &TenantId, id: &TaskId, n: usize) -> Self {
        Self {
            pk: format!("INPUTS#{tenant}#{id}#{n}"),
            sk: "INPUTS".to_owned(),
        }
    }

    pub(super) fn account(tenant: &TenantId) -> Self {
        Self::of(tenant, "ACCOUNT")
    }

    /// What the tenant is told of its money.
    pub(super) fn alerts(tenant: &TenantId) -> Self {
        Self::of(tenant, "ALERTS")
    }

    /// How far the days before the sums began are filled in.
    pub(super) fn day_fill(tenant: &TenantId) -> Self {
        Self::of(tenant, "DAYFILL")
    }

    pub(super) fn top_up(tenant: &TenantId, reference: &str) -> Self {
        Self::of(
            tenant,
            format!(
                "{TOP_UP_PREFIX}{}",
                hex::encode(sha256(reference.as_bytes()))
            ),
        )
    }

    /// Which credit, or debit, has a reference.
    pub(super) fn adjustment(tenant: &TenantId, kind: EntryKind, reference: &str) -> Self {
        let digest = hex::encode(sha256(reference.as_bytes()));
        Self::of(tenant, format!("ADJUSTMENT#{}#{digest}", kind.as_str()))
    }

    /// The ledger entry of what an operator did.
    pub(super) fn ledger_entry(tenant: &TenantId, entry: &LedgerEntry) -> Self {
        let (at, kind) = (ledger_moment(entry.at), entry.kind.as_str());
        let digest = hex::encode(sha256(entry.reference.as_bytes()));
        Self::of(tenant, format!("{LEDGER_PREFIX}{at}#{kind}#{digest}"))
    }

    pub(super) fn idempotency(tenant: &TenantId, key: &IdempotencyKey) -> Self {
        Self::of(
            tenant,
            format!("KEY#{}", hex::encode(sha256(key.as_str().as_bytes()))),
        )
    }

    /// An event that is about no task, with its deliveries.
    pub(super) fn notice(tenant: &TenantId, id: &EventId) -> Self {
        Self::of(tenant, format!("EVENT#{id}"))
    }

    pub(super) fn endpoint(tenant: &TenantId, id: &EndpointId) -> Self {
        Self::of(tenant, format!("{ENDPOINT_PREFIX}{id}"))
    }

    pub(super) fn api_key(tenant: &TenantId, id: &KeyId) -> Self {
        Self::of(tenant, format!("{API_KEY_PREFIX}{id}"))
    }

    /// What the API keys of one counter use in a month.
    pub(super) fn key_use(tenant: &TenantId, count: &KeyCount) -> Self {
        let KeyCount { counter, month } = count;
        Self::of(tenant, format!("KEYUSE#{counter}#{month}"))
    }

    /// The count of endpoints. Its sort key is outside the range of the endpoints.
    pub(super) fn endpoints(tenant: &TenantId) -> Self {
        Self::of(tenant, "ENDPOINTS")
    }

    /// Which endpoint has a URL.
    pub(super) fn endpoint_url(tenant: &TenantId, url: &str) -> Self {
        Self::of(
            tenant,
            format!("URL#{}", hex::encode(sha256(url.as_bytes()))),
        )
    }

    /// How far the export of the tenant's usage to one destination has got.
    pub(super) fn usage_cursor(place: &str, tenant: &TenantId) -> Self {
        Self::of(
            tenant,
            format!("{EXPORT_PREFIX}{}", hex::encode(sha256(place.as_bytes()))),
        )
    }

    /// How full the bucket of the tenant's requests is.
    pub(super) fn rate(tenant: &TenantId) -> Self {
        Self::of(tenant, "RATE")
    }

    pub(super) fn tenant(tenant: &TenantId) -> Self {
        Self::of(tenant, "TENANT")
    }

    /// The tenant's entry in the list of tenants.
    pub(super) fn listed(tenant: &TenantId) -> Self {
        Self {
            pk: TENANTS.to_owned(),
            sk: tenant.to_string(),
        }
    }

    /// The tenant's `n`th trust, found by its issuer.
    pub(super) fn trust(issuer: &str, tenant: &TenantId, n: usize) -> Self {
        Self {
            pk: issuer_partition(issuer),
            sk: format!("{tenant}#{n:03}"),
        }
    }

    /// Counts the changes to the set of tenants that trust the issuer. It has its own partition,
    /// because the issuer's partition holds only trusts.
    pub(super) fn trusted(issuer: &str) -> Self {
        Self {
            pk: format!("TRUSTED#{issuer}"),
            sk: "TRUSTED".to_owned(),
        }
    }

    pub(super) fn audit(id: &AuditId) -> Self {
        Self {
            pk: AUDIT.to_owned(),
            sk: id.to_string(),
        }
    }

    pub(super) fn run(run: &RunId) -> Self {
        Self {
            pk: format!("RUN#{run}"),
            sk: "RUN".to_owned(),
        }
    }

    pub(super) fn schema() -> Self {
        Self {
            pk: "FLUXGATE".to_owned(),
            sk: "SCHEMA".to_owned(),
        }
    }

    /// The installation as the issuer of API keys.
    pub(super) fn issuer() -> Self {
        Self {
            pk: "FLUXGATE".to_owned(),
            sk: "ISSUER".to_owned(),
        }
    }

    /// Which catalogue of the provider's is stored.
    pub(super) fn catalogue() -> Self {
        Self {
            pk: "FLUXGATE".to_owned(),
            sk: "CATALOGUE".to_owned(),
        }
    }

    /// Part `n` of the catalogue with this digest.
    pub(super) fn catalogue_part(sha256: &Sha256, n: usize) -> Self {
        Self {
            pk: format!("CATALOGUE#{}#{n}", hex::encode(sha256)),
            sk: "CATALOGUE".to_owned(),
        }
    }

    /// The fair queue for the provider's account.
    pub(super) fn line() -> Self {
        Self {
            pk: "FLUXGATE".to_owned(),
            sk: "LINE".to_owned(),
        }
    }

    /// That of an item which was read in full.
    pub(super) fn of_item(item: &Item) -> Option<Self> {
        let text = |name| item.get(name)?.as_s().ok().cloned();
        Some(Self {
            pk: text(PK)?,
            sk: text(SK)?,
        })
    }

    pub(super) fn attributes(&self) -> Item {
        Item::from([
            (PK.to_owned(), text(&self.pk)),
            (SK.to_owned(), text(&self.sk)),
        ])
    }
}

/// As it sorts: with as many digits until the year 5138.
pub(super) fn ledger_moment(at: Timestamp) -> String {
    format!("{:014}", at.0.clamp(0, 99_999_999_999_999))
}

pub(super) fn tenant_partition(tenant: &TenantId) -> String {
    format!("T#{tenant}")
}

pub(super) fn issuer_partition(issuer: &str) -> String {
    format!("ISSUER#{issuer}")
}
