//! What the admin API tells of usage.

use std::fmt::Write as _;

use fluxgate_core::metering::usage::{GroupKey, Grouping};
use fluxgate_core::money::MicroUsd;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli::print::Facts;

#[derive(Deserialize)]
pub(super) struct UsageAnswer {
    groups: Vec<GroupAnswer>,
    pub(super) total: SumsAnswer,
}

#[derive(Deserialize)]
struct GroupAnswer {
    #[serde(flatten)]
    sums: SumsAnswer,
    #[serde(flatten)]
    keys: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct SumsAnswer {
    requests: u64,
    completed: u64,
    failed: u64,
    unarchived: u64,
    #[serde(rename = "charged_micro_usd")]
    pub(super) charged: MicroUsd,
    /// A gateway of an earlier release tells of none.
    #[serde(rename = "refunded_micro_usd", default)]
    refunded: MicroUsd,
}

#[derive(Deserialize)]
pub(super) struct AllUsageAnswer {
    tenants: Vec<TenantUsageAnswer>,
    total: SumsAnswer,
}

#[derive(Deserialize)]
struct TenantUsageAnswer {
    tenant: String,
    #[serde(rename = "deleted", default)]
    is_deleted: bool,
    #[serde(flatten)]
    usage: UsageAnswer,
}

impl UsageAnswer {
    pub(super) fn view(&self, grouping: Grouping) -> Value {
        let groups = self.groups.iter().map(|group| group.view(grouping));
        json!({ "groups": groups.collect::<Vec<_>>(), "total": self.total.view() })
    }

    pub(super) fn table(&self, grouping: Grouping) -> String {
        let groups = self.groups.iter().map(|group| group.line(grouping));
        groups.chain([self.total.line("total")]).collect()
    }
}

impl GroupAnswer {
    fn value(&self, key: GroupKey) -> Option<&str> {
        self.keys.get(key.as_str()).and_then(Value::as_str)
    }

    fn view(&self, grouping: Grouping) -> Value {
        let mut view = self.sums.view();
        for key in grouping.keys() {
            if let Some(value) = self.value(key) {
                view[key.as_str()] = value.into();
            }
        }
        view
    }

    fn line(&self, grouping: Grouping) -> String {
        let keys = grouping.keys().map(|key| self.value(key).unwrap_or("-"));
        self.sums.line(&keys.collect::<Vec<_>>().join("  "))
    }
}

impl SumsAnswer {
    fn view(&self) -> Value {
        json!({
            "requests": self.requests, "completed": self.completed, "failed": self.failed,
            "unarchived": self.unarchived, "charged_usd": self.charged.usd(),
            "refunded_usd": self.refunded.usd(),
        })
    }

    fn line(&self, key: &str) -> String {
        let Self {
            requests,
            completed,
            failed,
            unarchived,
            charged,
            refunded,
        } = self;
        let charged = charged.to_string();
        let refunded = match *refunded {
            MicroUsd::ZERO => String::new(),
            refunded => format!("  refunded {refunded}"),
        };
        format!(
            "{key:<52}  requests {requests:>6}  completed {completed:>6}  failed {failed:>5}  unarchived {unarchived:>4}  charged {charged:>12}{refunded}\n"
        )
    }
}

impl AllUsageAnswer {
    pub(super) fn facts(&self, grouping: Grouping) -> Facts {
        let view = |of: &TenantUsageAnswer| {
            let mut view = of.usage.view(grouping);
            view["tenant"] = of.tenant.as_str().into();
            if of.is_deleted {
                view["deleted"] = true.into();
            }
            view
        };
        let mut text = String::new();
        for of in &self.tenants {
            let deleted = if of.is_deleted { " (deleted)" } else { "" };
            writeln!(text, "{}{deleted}", of.tenant).expect("memory takes every line");
            text += &of.usage.table(grouping);
        }
        Facts {
            json: json!({
                "tenants": self.tenants.iter().map(view).collect::<Vec<_>>(),
                "total": self.total.view(),
            }),
            quiet: self.total.charged.decimal(),
            text: text + &self.total.line("all tenants"),
        }
    }
}
