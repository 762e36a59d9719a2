//! The provider's billing and its list of runs, page by page.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fluxgate_core::id::RunId;
use fluxgate_core::metering::reconcile::{Bill, ListedRun};
use fluxgate_core::metering::usage::Window;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountCheck, ProviderBooks};
use fluxgate_core::provider::ProviderRun;
use fluxgate_core::provider::lenient::{self, Fields};
use fluxgate_core::{Error, Result};
use serde_json::{Value, json};

use super::exchange::{Exchange, unreadable};
use super::{WaveSpeedClient, account};

/// The provider's own limit.
const PAGE_SIZE: usize = 100;
const PAGES_MAX: usize = 1_000;

#[async_trait]
impl ProviderBooks for WaveSpeedClient {
    async fn check_account(&self) -> AccountCheck {
        account::check(&self.exchange).await
    }

    async fn bills(&self, window: &Window) -> Result<Vec<Bill>> {
        // Both ends as strings, in milliseconds.
        let filter = json!({ "start_time": window.from.0.to_string(), "end_time": window.until.0.to_string() });
        let bills = bills(&self.exchange, &filter).await?;
        Ok(bills
            .into_iter()
            .filter(|bill| window.holds(bill.created_at))
            .collect())
    }

    async fn bills_of(&self, runs: &[RunId]) -> Result<Vec<Bill>> {
        bills(&self.exchange, &json!({ "prediction_uuids": runs })).await
    }

    async fn runs(&self, window: &Window) -> Result<Vec<ListedRun>> {
        let filter = json!({ "created_after": window.from.rfc3339(), "created_before": window.until.rfc3339() });
        let mut runs = Vec::new();
        let mut known = BTreeSet::new();
        for item in items(&self.exchange, "/api/v3/predictions", &filter).await? {
            let Ok(ProviderRun {
                id: run,
                created_at,
                ..
            }) = ProviderRun::from_json(&item)
            else {
                continue;
            };
            if created_at.is_none_or(|made| window.holds(made)) && known.insert(run.clone()) {
                let model = Fields::of(&item)
                    .and_then(|fields| fields.text(&["model", "model_id", "model_uuid"]));
                runs.push(ListedRun {
                    run,
                    model: model.unwrap_or_default(),
                });
            }
        }
        Ok(runs)
    }
}

async fn bills(exchange: &Exchange, filter: &Value) -> Result<Vec<Bill>> {
    let mut filter = filter.clone();
    filter["billing_type"] = json!("deduct");
    let mut known = BTreeSet::new();
    let bills = items(exchange, "/api/v3/billings/search", &filter).await?;
    // A new line between two pages shifts older ones to the next page.
    Ok(bills
        .iter()
        .filter_map(bill)
        .filter(|bill| known.insert(bill.id.clone()))
        .collect())
}

/// `None` for a line that does not concern a run.
fn bill(item: &Value) -> Option<Bill> {
    let fields = Fields::of(item)?;
    let prediction = fields.first(&["prediction"]).and_then(Fields::of);
    let run = prediction.and_then(|prediction| prediction.run_id(&["uuid", "id"]));
    let model =
        prediction.and_then(|prediction| prediction.text(&["model_uuid", "model_id", "model"]));
    Some(Bill {
        id: fields.text(&["uuid", "id"]).unwrap_or_default(),
        run: run.or_else(|| fields.run_id(&["prediction_uuid", "prediction_id"]))?,
        model: model.unwrap_or_default(),
        price: MicroUsd::from_usd(fields.number(&["price"])?)?,
        created_at: fields.time(&["created_at"])?,
    })
}

/// All items that match the filter.
async fn items(exchange: &Exchange, path: &str, filter: &Value) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for page in 1..=PAGES_MAX {
        let mut question = filter.clone();
        question["page"] = json!(page);
        question["page_size"] = json!(PAGE_SIZE);
        let items = lenient::items(exchange.post(path, &question).await?).ok_or_else(unreadable)?;
        let is_last = items.len() < PAGE_SIZE;
        all.extend(items);
        if is_last {
            return Ok(all);
        }
    }
    let text = format!(
        "the window has more than {} of the provider's lines; choose a shorter one",
        PAGES_MAX * PAGE_SIZE
    );
    Err(Error::invalid("window_too_full", text))
}
