//! A statement as everybody sees it, whatever the form.

use serde::{Deserialize, Serialize};

use super::Statement;
use crate::domain::metering::day_sums::Sums;
use crate::domain::money::{EntryKind, MicroUsd};

/// The statement of one month. `opening + the changes of the movements = closing`, to the
/// micro-dollar.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StatementView {
    pub tenant: String,
    /// `2026-11`, in the account's time zone.
    pub month: String,
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// An IANA time zone: the budget's, else UTC.
    pub time_zone: String,
    /// False while the month may still change.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// True if the tenant has been deleted.
    #[serde(
        rename = "deleted",
        default,
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub is_deleted: bool,
    /// What was paid in, less what was spent, when the month began; in millionths of a dollar.
    pub opening_balance_micro_usd: i64,
    /// What running tasks held of it.
    pub opening_held_micro_usd: i64,
    /// By kind of ledger entry; kinds without entries are left out.
    pub movements: Vec<Movement>,
    /// By model and API key.
    pub usage: Vec<StatementUsage>,
    /// Charged this month for tasks that were submitted in an earlier one. A budget counts them in
    /// the month of their submit.
    pub earlier_submits_micro_usd: i64,
    pub closing_balance_micro_usd: i64,
    pub closing_held_micro_usd: i64,
    /// The closing balance as an exact decimal.
    pub closing_balance_usd: String,
}

/// All entries of one kind.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Movement {
    /// As in the ledger.
    pub kind: String,
    pub amount_micro_usd: i64,
    pub amount_usd: String,
    /// What it adds to the balance; zero for what is only held or lent.
    pub change_micro_usd: i64,
}

/// What the runs of a model by a key came to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StatementUsage {
    pub model: String,
    /// Absent for tasks that were submitted without an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub requests: u64,
    pub completed: u64,
    pub failed: u64,
    pub charged_micro_usd: i64,
    pub charged_usd: String,
    /// Of the charges, those for tasks that were submitted in an earlier month.
    pub earlier_submits_micro_usd: i64,
    /// Given back this month, whenever it was charged.
    pub refunded_micro_usd: i64,
}

impl StatementView {
    /// True if the account had nothing, and nothing moved.
    pub fn is_empty(&self) -> bool {
        let standings = [
            self.opening_balance_micro_usd,
            self.opening_held_micro_usd,
            self.closing_balance_micro_usd,
            self.closing_held_micro_usd,
        ];
        let is_zero = standings.iter().all(|standing| *standing == 0);
        is_zero && self.movements.is_empty() && self.usage.is_empty()
    }

    pub fn of(statement: &Statement) -> Self {
        let total = statement.total();
        let (opening, closing) = (statement.opening, statement.closing);
        let usage = statement.sums.iter().filter_map(|(origin, sums)| {
            let key = origin.key.as_ref().map(ToString::to_string);
            Some(usage(origin.model.as_ref()?.to_string(), key, sums))
        });
        Self {
            tenant: statement.tenant.to_string(),
            month: statement.month.to_string(),
            from: statement.month.first_day().to_string(),
            to: statement.month.last_day().to_string(),
            time_zone: statement.zone.to_string(),
            is_final: statement.is_final,
            is_deleted: statement.is_deleted,
            opening_balance_micro_usd: opening.balance.0,
            opening_held_micro_usd: opening.held.0,
            movements: total.moved.iter().map(movement).collect(),
            usage: usage.collect(),
            earlier_submits_micro_usd: total.earlier.0,
            closing_balance_micro_usd: closing.balance.0,
            closing_held_micro_usd: closing.held.0,
            closing_balance_usd: closing.balance.decimal(),
        }
    }
}

fn movement((kind, amount): (&EntryKind, &MicroUsd)) -> Movement {
    Movement {
        kind: kind.as_str().to_owned(),
        amount_micro_usd: amount.0,
        amount_usd: amount.decimal(),
        change_micro_usd: kind.change(*amount).0,
    }
}

fn usage(model: String, key: Option<String>, sums: &Sums) -> StatementUsage {
    let charged = sums.amount(EntryKind::Capture);
    StatementUsage {
        model,
        key,
        requests: sums.requests,
        completed: sums.completed,
        failed: sums.failed,
        charged_micro_usd: charged.0,
        charged_usd: charged.decimal(),
        earlier_submits_micro_usd: sums.earlier.0,
        refunded_micro_usd: sums.amount(EntryKind::Refund).0,
    }
}
