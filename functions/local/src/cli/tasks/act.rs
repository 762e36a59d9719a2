//! Acts on one task, by whoever serves its installation.

use anyhow::Result;
use reqwest::Method;
use serde_json::Value;

use super::{OneTask, text};
use crate::cli::print::Facts;

/// Does what a route says, and tells the task's state.
pub(super) async fn state(task: &OneTask, route: &str, body: &Value) -> Result<()> {
    let answer = call(task, route, body).await?;
    let state = text(&answer, "/state").to_owned();
    let told = match route {
        "archive" => "its outputs are being copied",
        _ => "its hold is released",
    };
    task.print.print(&Facts {
        text: format!("task {} is {state}; {told}", task.task),
        quiet: state,
        json: answer,
    })
}

pub(super) async fn deliver(task: &OneTask) -> Result<()> {
    let answer = call(task, "deliver", &Value::Null).await?;
    let (mut quiet, mut lines) = (String::new(), String::new());
    for delivery in answer["deliveries"].as_array().into_iter().flatten() {
        let id = text(delivery, "/id");
        quiet += &format!("{id}\n");
        lines += &match text(delivery, "/error") {
            "" => format!("{id}  {}\n", text(delivery, "/state")),
            code => format!("{id}  not sent: {code}\n"),
        };
    }
    task.print.print(&Facts {
        json: answer,
        quiet,
        text: lines,
    })
}

async fn call(task: &OneTask, route: &str, body: &Value) -> Result<Value> {
    let (admin, _lock) = task.admin.admin_of_holder()?;
    let path = format!("{}/{route}", task.path());
    let body = Some(body).filter(|body| !body.is_null());
    admin.call(Method::POST, &path, &[], body).await
}
