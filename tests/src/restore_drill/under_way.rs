//! What is under way at the backup besides single tasks: a batch that is half done, and a callback
//! whose first attempt has failed.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{BALANCE_USD, Checks, PRICE_USD, prompted};
use crate::tenant::MODEL;
use crate::{LiveReceiver, Stack, TestTenant, eventually};

/// Of the batch. Two are admitted at once, so that it is half done for some seconds.
pub(super) const LINES: usize = 8;

pub(super) struct UnderWay {
    /// Who sent the batch, and has nothing else.
    tenant: TestTenant,
    batch: String,
    receiver: LiveReceiver,
    /// The `webhook-id` of the callback.
    event: String,
}

impl UnderWay {
    pub(super) async fn begin(stack: &Stack, acme: &TestTenant, inputs: &Value) -> Self {
        let receiver = LiveReceiver::start().await;
        acme.endpoint(&receiver.url("events")).await;
        let tenant = stack.tenant("bolt", &BALANCE_USD.to_string()).await;
        let places = json!({ "limits": { "tasks_in_flight": 2 } });
        let path = "/admin/v1/tenants/bolt";
        let changed = stack.admin_call(Method::PATCH, path, &places).await;
        assert_eq!(changed.0, 200, "{}", changed.1);
        let batch = batch(&tenant, inputs).await;
        receiver.answer(&[500]);
        acme.submit(&prompted(inputs, "told", 0)).await;
        let failed = eventually("an attempt that fails", || async {
            receiver.received().first().cloned()
        });
        let event = failed.await.header("webhook-id").to_owned();
        let under_way = Self {
            tenant,
            batch,
            receiver,
            event,
        };
        let batch = under_way.view().await;
        assert!(batch["ended_at"].is_null(), "it is half done: {batch}");
        under_way
    }

    /// As the installation over the restored table has it.
    pub(super) fn on(self, stack: &Stack) -> Self {
        let TestTenant { id, token, .. } = self.tenant;
        let tenant = TestTenant::new(id, stack.gateway_url(), token);
        Self { tenant, ..self }
    }

    async fn view(&self) -> Value {
        let path = format!("/v1/batches/{}", self.batch);
        self.tenant.get(&path).await.body
    }

    /// How often the callback came.
    fn told(&self) -> usize {
        let received = self.receiver.received();
        let of_event = received.iter().map(|one| one.header("webhook-id"));
        of_event.filter(|id| *id == self.event).count()
    }

    async fn ended(&self) -> Value {
        eventually("the end of the batch", || async {
            let batch = self.view().await;
            (!batch["ended_at"].is_null()).then_some(batch)
        })
        .await
    }

    /// What the installation does that is lost afterwards: it ends the batch and tells the tenant.
    pub(super) async fn is_over(&self) {
        let batch = self.ended().await;
        assert_eq!(batch["completed"], LINES, "{batch}");
        eventually("the attempt that succeeds", || async {
            (self.told() == 2).then_some(())
        })
        .await;
    }

    /// The prompts of lines that the backup has as waiting. The tenant sends them again if it wants
    /// to; that they were run already, nobody knows any more.
    pub(super) async fn lost_lines(&self) -> BTreeSet<String> {
        let path = format!("/v1/batches/{}/results", self.batch);
        let results = self.tenant.get(&path).await.body;
        let lines = results.as_str().unwrap_or_default().lines();
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
        let lost = lines.filter(|line| line["state"] != "completed");
        lost.filter_map(|line| Some(line["reference"].as_str()?.to_owned()))
            .collect()
    }

    pub(super) async fn check(&self, checks: &mut Checks) {
        let batch = self.ended().await;
        let state = batch["state"].as_str().unwrap_or_default();
        checks.add("the batch that was half done", state, "cancelled");
        let lost = self.lost_lines().await.len();
        checks.add("it was", (lost > 0, lost < LINES), (true, true));
        #[expect(clippy::cast_precision_loss, reason = "there are few lines")]
        let spent = PRICE_USD * (LINES - lost) as f64;
        let balance = format!("{:.2}", self.tenant.balance_usd().await);
        let wanted = format!("{:.2}", BALANCE_USD - spent);
        checks.add("the balance of its tenant", balance, wanted);
        let told = eventually("the callback again", || async {
            let told = self.told();
            (told > 2).then_some(told)
        });
        checks.add("the callback came, with one id", told.await, 3);
    }
}

async fn batch(tenant: &TestTenant, inputs: &Value) -> String {
    let lines = (0..LINES).map(|n| {
        let input = prompted(inputs, "line", n);
        json!({ "model": MODEL, "reference": input["prompt"], "input": input }).to_string()
    });
    let lines: Vec<String> = lines.collect();
    let request = tenant.http().post(tenant.url("/v1/batches"));
    let created = tenant.send(request.body(lines.join("\n"))).await;
    let batch = created.text("/id");
    eventually("the first lines of the batch", || async {
        let view = tenant.get(&format!("/v1/batches/{batch}")).await.body;
        (view["completed"].as_u64() > Some(0)).then_some(())
    })
    .await;
    batch
}
