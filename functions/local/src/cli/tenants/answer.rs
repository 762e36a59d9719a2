//! A tenant as the admin API tells it, and as commands show it.

use anyhow::Result;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::tenant::{Limits, RetentionDays};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::accounts::{self, AccountAnswer};
use crate::cli::budget::BudgetAnswer;
use crate::client::Admin;
use crate::folder::{LOCAL_AUDIENCE, LOCAL_ISSUER};

#[derive(Deserialize)]
pub(super) struct TenantAnswer {
    pub(super) id: TenantId,
    created_at: String,
    pub(super) state: String,
    version: u64,
    trust: Vec<Value>,
    pub(super) bucket: String,
    pub(super) prefix: String,
    /// As it is set, without the secret of a store.
    pub(super) destination: Value,
    external_id: Option<String>,
    pub(super) limits: Limits,
    unarchived: Value,
    /// Not told by an earlier release.
    #[serde(default)]
    pub(super) retention: RetentionDays,
    /// Of a list that was asked for with accounts.
    pub(super) account: Option<AccountAnswer>,
}

/// Shown as it is answered.
#[derive(Deserialize, Serialize)]
struct EndpointAnswer {
    id: EndpointId,
    /// Not told by an earlier release.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// One that is read has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    enabled: bool,
}

/// The tenant as it is now.
pub(super) async fn tenant(admin: &Admin, name: &TenantId) -> Result<TenantAnswer> {
    admin.get(&format!("/tenants/{name}"), &[]).await
}

impl TenantAnswer {
    pub(super) fn issuers(&self) -> Vec<&str> {
        let issuers = self.trust.iter().map(|trust| trust["issuer"].as_str());
        issuers.flatten().collect()
    }

    pub(super) fn summary(&self, account: &AccountAnswer) -> Value {
        json!({
            "id": self.id, "state": self.state, "bucket": self.bucket,
            "available_usd": account.available.usd(), "held_usd": account.held.usd(),
            "captured_usd": account.captured.usd(),
            "spent_this_month_usd": account.spent_this_month.usd(),
            "tasks_in_flight": account.tasks_in_flight,
            "budget": account.budget.as_ref().map(BudgetAnswer::view),
        })
    }

    /// Everything but the secrets.
    pub(super) async fn view(&self, admin: &Admin) -> Result<Value> {
        let account = accounts::account(admin, &self.id).await?;
        let path = format!("/tenants/{}/endpoints", self.id);
        let endpoints: Vec<EndpointAnswer> = admin.get(&path, &[]).await?;
        let trust = self.trust.iter().map(without_keys);
        let mut view = json!({
            "id": self.id, "version": self.version, "state": self.state, "created_at": self.created_at,
            "account": {
                "available_usd": account.available.usd(), "held_usd": account.held.usd(), "captured_usd": account.captured.usd(),
            },
            "destination": self.destination(), "trust": trust.collect::<Vec<_>>(), "limits": self.limits,
            "unarchived": self.unarchived, "retention": self.retention,
            "endpoints": endpoints,
        });
        if self.issuers().contains(&LOCAL_ISSUER) {
            view["local_issuer"] = json!({ "iss": LOCAL_ISSUER, "aud": LOCAL_AUDIENCE });
        }
        Ok(view)
    }

    fn destination(&self) -> Value {
        let mut destination = self.destination.clone();
        let fields = destination.as_object_mut();
        if let Some(arn) = fields.and_then(|fields| fields.remove("role_arn")) {
            destination["role"] = json!({ "arn": arn, "external_id": self.external_id });
        }
        destination
    }
}

/// Key sets that were given in place are long.
fn without_keys(trust: &Value) -> Value {
    let mut trust = trust.clone();
    if trust.pointer("/keys/jwks").is_some() {
        trust["keys"] = json!("jwks");
    }
    trust
}
