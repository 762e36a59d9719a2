//! What a comparison found.

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;

/// The outcome of one comparison. Amounts are in micro-USD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileReport {
    pub window: Window,
    /// By tenant and model.
    pub margins: Vec<Margin>,
    pub totals: Totals,
    /// What an operator should look at; none is the best report.
    pub findings: Vec<Finding>,
}

impl ReconcileReport {
    /// As the admin API and the command tell it. Amounts are in micro-USD.
    pub fn to_json(&self) -> Value {
        json!({
            "from": self.window.from.rfc3339(), "until": self.window.until.rfc3339(),
            "totals": self.totals, "margins": self.margins, "findings": self.findings,
        })
    }
}

/// What one tenant's runs of one model cost and brought in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Margin {
    pub tenant: TenantId,
    pub model: ModelId,
    /// Runs that the provider billed.
    pub runs: u64,
    /// Of them those whose task was charged.
    pub charged_runs: u64,
    /// What the provider deducted.
    #[serde(rename = "billed_micro_usd")]
    pub billed: MicroUsd,
    /// What the tenant was charged.
    #[serde(rename = "charged_micro_usd")]
    pub charged: MicroUsd,
    /// `charged` less `billed`.
    #[serde(rename = "margin_micro_usd")]
    pub margin: MicroUsd,
}

/// The whole window. `billed` is the margins' and the orphans'; `charged` is the ledger's captures
/// of the runs that were compared. `margin` is the sum of the margins less what was billed for runs
/// of nobody's: what no bill stands against is not earned yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub bills: u64,
    pub tasks: u64,
    /// Tasks that still go on.
    pub open: u64,
    /// Of them those that were sent and know no run yet: nobody can say whether the provider took
    /// them.
    pub in_doubt: u64,
    /// Charged runs of which the provider knows nothing: no bill, no line of its list.
    pub forgotten: u64,
    #[serde(rename = "billed_micro_usd")]
    pub billed: MicroUsd,
    #[serde(rename = "charged_micro_usd")]
    pub charged: MicroUsd,
    /// Of `charged` what was captured for runs without a bill.
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
    /// What the run should have cost when the task was submitted.
    #[serde(rename = "quoted_micro_usd")]
    pub quoted: MicroUsd,
    #[serde(rename = "charged_micro_usd")]
    pub charged: MicroUsd,
    /// What it means, and what to do.
    pub text: String,
}

/// Stable, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// The provider has a run that no task owns.
    Orphan,
    /// The provider deducted more than once for a run.
    BilledTwice,
    /// The provider deducted another price than it had quoted.
    PriceDrift,
    /// The provider deducted for a run whose tenant was charged nothing.
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
