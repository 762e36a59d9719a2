//! A task as the operator sees it: with its tenant, its run and its money, and without links.

use fluxgate_core::app::TaskTimeline;
use fluxgate_core::task::{Produced, Task, Via};
use serde::Serialize;
use utoipa::ToSchema;

use crate::v1::deliveries::{DeliveryView, view as delivery_view};
use crate::v1::tasks::StepView;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorTask)]
pub(crate) struct OperatorTaskView {
    tenant: String,
    id: String,
    model: String,
    /// `admitted`, `submitting`, `submitted`, `unknown`, `archiving`, or an end: `completed`,
    /// `failed`, `cancelled`, `timeout`.
    state: &'static str,
    created_at: String,
    /// When it came into its state.
    since: String,
    /// It waits in the fair queue for the provider's account.
    waits_for_provider: bool,
    /// Number of submits started.
    submits: u32,
    /// The provider's id of its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// `webhook`, `poll`, `submit` or `resolve`: how the end was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OperatorTaskErrorView>,
    /// Held while the task runs, and charged at most.
    price_usd: f64,
    /// What it was charged; present once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    charged_usd: Option<f64>,
    /// What of it was given back; absent without a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_usd: Option<f64>,
    /// Where its outputs are; empty for those that are not in the bucket.
    s3_uris: Vec<String>,
    /// It has ended, and its events could not be written yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    untold: bool,
    /// When its tenant deleted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

/// Why it did not complete.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorTaskError)]
struct OperatorTaskErrorView {
    code: String,
    message: String,
    number: u32,
}

/// Everything that is known of one task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorTaskDetail)]
pub(crate) struct TaskDetailView {
    #[serde(flatten)]
    task: OperatorTaskView,
    trace_id: String,
    money: TaskMoneyView,
    /// Oldest first.
    steps: Vec<StepView>,
    deliveries: Vec<DeliveryView>,
}

/// In USD.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskMoney)]
struct TaskMoneyView {
    /// What the tenant was told that the run costs at most.
    price_usd: f64,
    /// What the provider asked for the run when it was submitted.
    cost_usd: f64,
    /// Held now.
    held_usd: f64,
    /// Captured at its end.
    charged_usd: f64,
}

pub(super) fn view(task: &Task) -> OperatorTaskView {
    let error = task.failure.as_ref().map(|failure| OperatorTaskErrorView {
        code: failure.reason.clone(),
        message: failure.message.clone(),
        number: failure.code,
    });
    let place = |produced| match produced {
        Produced::Archived(output) => Some(output.s3_uri()),
        Produced::AtProvider(_) => None,
    };
    let is_completed = task.state == fluxgate_core::task::State::Completed;
    OperatorTaskView {
        tenant: task.tenant.to_string(),
        id: task.id.to_string(),
        model: task.model.to_string(),
        state: task.state.as_str(),
        created_at: task.created_at.rfc3339(),
        since: task.since.rfc3339(),
        waits_for_provider: task.ticket.is_some_and(|ticket| ticket.waits()),
        submits: task.submits,
        run: task.run.as_ref().map(ToString::to_string),
        completed_by: task.completed_by.map(Via::as_str),
        error,
        price_usd: task.price.usd(),
        charged_usd: is_completed.then(|| task.charged.usd()),
        refunded_usd: task.refund.as_ref().map(|refund| refund.amount.usd()),
        s3_uris: task.produced().filter_map(place).collect(),
        untold: task.untold,
        deleted_at: task.deleted.as_ref().map(|deleted| deleted.at.rfc3339()),
    }
}

pub(super) fn detail(timeline: &TaskTimeline) -> TaskDetailView {
    let task = &timeline.task;
    let is_live = !task.state.is_end();
    let step = |step| StepView::of(step, task.created_at);
    let deliveries = timeline.deliveries.iter();
    TaskDetailView {
        task: view(task),
        trace_id: task.trace_context().trace_id().to_owned(),
        money: TaskMoneyView {
            price_usd: task.price.usd(),
            cost_usd: task.cost.usd(),
            held_usd: if is_live { task.price.usd() } else { 0.0 },
            charged_usd: task.charged.usd(),
        },
        steps: timeline.steps.iter().map(step).collect(),
        deliveries: deliveries.map(|it| delivery_view(it).masked()).collect(),
    }
}
