//! The result of a comparison.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;

/// The result of one comparison. Amounts are in micro-USD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileReport {
    pub window: Window,
    /// By tenant and model.
    pub margins: Vec<Margin>,
    pub totals: Totals,
    /// Differences that an operator should look at; ideally empty.
    pub findings: Vec<Finding>,
}

impl ReconcileReport {
    /// The JSON returned by the admin API and the command. Amounts are in micro-USD.
    pub fn to_json(&self) -> Value {
        json!({
            "from": self.window.from.rfc3339(), "until": self.window.until.rfc3339(),
            "totals": self.totals, "margins": self.margins, "findings": self.findings,
        })
    }
}

/// Cost and revenue of one tenant's runs of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margin {
    pub tenant: TenantId,
    pub model: ModelId,
    /// Runs billed by the provider.
    pub runs: u64,
    /// Of these, runs whose task was charged.
    pub charged_runs: u64,
    /// Amount deducted by the provider.
    #[serde(rename = "billed_micro_usd")]
    pub billed: MicroUsd,
    /// Amount charged to the tenant.
    #[serde(rename = "charged_micro_usd")]
    pub charged: MicroUsd,
    /// What of it was given back.
    #[serde(rename = "refunded_micro_usd", default)]
    pub refunded: MicroUsd,
    /// `charged` minus `refunded` and `billed`.
    #[serde(rename = "margin_micro_usd")]
    pub margin: MicroUsd,
}

/// Totals for the whole window. `billed` covers margins and orphans; `charged` is the ledger's
/// captures for the compared runs. `margin` is the sum of all margins minus what was billed for
/// orphans; charges without a bill do not count as earned yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub bills: u64,
    pub tasks: u64,
    /// Tasks that are still running.
    pub open: u64,
    /// Of these, tasks that were sent and do not know their run yet: the provider may or may not
    /// have accepted them.
    pub in_doubt: u64,
    /// Charged runs that the provider does not know: neither billed nor listed.
    pub forgotten: u64,
    #[serde(rename = "billed_micro_usd")]
    pub billed: MicroUsd,
    #[serde(rename = "charged_micro_usd")]
    pub charged: MicroUsd,
    /// What of `charged` was given back to tenants.
    #[serde(rename = "refunded_micro_usd", default)]
    pub refunded: MicroUsd,
    /// The part of `charged` that was captured for runs without a bill.
    #[serde(rename = "unbilled_micro_usd")]
    pub unbilled: MicroUsd,
    #[serde(rename = "margin_micro_usd")]
    pub margin: MicroUsd,
    #[serde(rename = "orphaned_micro_usd")]
    pub orphaned: MicroUsd,
}

/// One difference between the provider's books and ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: FindingCode,
    pub run: RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    #[serde(rename = "billed_micro_usd")]
    pub billed: MicroUsd,
    /// The expected cost of the run when the task was submitted.
    #[serde(rename = "quoted_micro_usd")]
    pub quoted: MicroUsd,
    #[serde(rename = "charged_micro_usd")]
    pub charged: MicroUsd,
    /// What the difference means, and what to do.
    pub text: String,
}

/// Stable, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// The provider has a run that no task owns.
    Orphan,
    /// The provider deducted more than once for the same run.
    BilledTwice,
    /// The provider deducted a different amount than it quoted.
    PriceDrift,
    /// The provider deducted for a run whose tenant was not charged.
    NotCharged,
    /// The tenant was charged for a run for which the provider has no bill.
    NotBilled,
}

impl FindingCode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::BilledTwice => "billed_twice",
            Self::PriceDrift => "price_drift",
            Self::NotCharged => "not_charged",
            Self::NotBilled => "not_billed",
        }
    }
}
