//! Usage by model and by day.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, parse};
use crate::catalogue::Model;
use crate::money::usd;
use crate::reply::{Refusal, success};
use crate::run::{Progress, Run, RunOutcome};

const SPAN_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

#[derive(Deserialize)]
struct Search {
    start_time: Timestamp,
    end_time: Timestamp,
    model_uuid: Option<String>,
}

#[derive(Default)]
struct Usage {
    by_model: BTreeMap<&'static str, ModelUsage>,
    by_day: BTreeMap<String, BTreeMap<&'static str, Sum>>,
    total: Sum,
    succeeded: u64,
}

struct ModelUsage {
    model: &'static Model,
    sum: Sum,
    last_used: Timestamp,
}

#[derive(Default, Clone, Copy)]
struct Sum {
    micro_usd: i64,
    count: u64,
}

pub(super) async fn stats(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("usage");
    let search: Search = parse(&body)?;
    let span = search.end_time.duration_since(search.start_time);
    if span.is_negative() || span > SPAN_MAX {
        return Err(Refusal::invalid(
            "end_time must follow start_time by at most 31 days",
        ));
    }
    let mut usage = Usage::default();
    let runs = provider
        .runs
        .newest_first()
        .take_while(|run| run.created_at >= search.start_time);
    let asked = |run: &Run| {
        search
            .model_uuid
            .as_deref()
            .is_none_or(|id| id.is_empty() || id == run.model.id)
    };
    runs.filter(|run| run.created_at <= search.end_time && asked(run))
        .for_each(|run| usage.add(&run));
    Ok(success(usage.into_json()))
}

impl Usage {
    /// Runs come newest first, so the first run of a model is its latest use.
    fn add(&mut self, run: &Run) {
        let id = run.model.id.as_str();
        let by_model = self.by_model.entry(id);
        let first = ModelUsage {
            model: run.model,
            sum: Sum::default(),
            last_used: run.created_at,
        };
        by_model.or_insert(first).sum.add(run);
        let day = self
            .by_day
            .entry(run.created_at.strftime("%Y-%m-%d").to_string())
            .or_default();
        day.entry(id).or_default().add(run);
        self.total.add(run);
        if matches!(
            run.progress(),
            Progress::Ended {
                outcome: RunOutcome::Completed { .. },
                ..
            }
        ) {
            self.succeeded += 1;
        }
    }

    fn into_json(self) -> Value {
        json!({
            "per_model_usage": self.by_model.into_values().map(ModelUsage::into_json).collect::<Vec<_>>(),
            "daily_usage": self.by_day.into_iter().map(|(date, models)| day(&date, &models)).collect::<Vec<_>>(),
            "summary": {
                "total_cost": usd(self.total.micro_usd),
                "total_requests": self.total.count,
                "success_requests": self.succeeded,
            },
        })
    }
}

impl ModelUsage {
    fn into_json(self) -> Value {
        json!({
            "model_uuid": self.model.id,
            "model_type": self.model.kind,
            "unit_price": usd(self.model.base_price_micro_usd),
            "total_cost": usd(self.sum.micro_usd),
            "total_count": self.sum.count,
            "last_used_date": self.last_used.strftime("%Y-%m-%d").to_string(),
        })
    }
}

fn day(date: &str, models: &BTreeMap<&'static str, Sum>) -> Value {
    let micro_usd: i64 = models.values().map(|sum| sum.micro_usd).sum();
    let count: u64 = models.values().map(|sum| sum.count).sum();
    let model = |(id, sum): (&&str, &Sum)| json!({"model_uuid": id, "amount": usd(sum.micro_usd), "count": sum.count});
    json!({
        "date": date,
        "amount": usd(micro_usd),
        "count": count,
        "models": models.iter().map(model).collect::<Vec<_>>(),
    })
}

impl Sum {
    fn add(&mut self, run: &Run) {
        self.micro_usd += run.charged_micro_usd();
        self.count += 1;
    }
}
