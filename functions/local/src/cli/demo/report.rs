//! What the demo says at its end.

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::Pictures;
use super::receiver::Callback;
use crate::client::text;

#[derive(Serialize)]
pub(super) struct Report {
    task_id: String,
    before: String,
    after: String,
    s3_uri: String,
    sha256: String,
    completed_by: String,
    charged_usd: f64,
    callback: CallbackReport,
    timeline: Vec<Line>,
}

#[derive(Serialize)]
struct CallbackReport {
    verified: bool,
    attempts: usize,
}

#[derive(Serialize)]
struct Line {
    step: String,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<String>,
}

impl Report {
    pub(super) fn new(
        prediction: &Value,
        pictures: &Pictures,
        charged_usd: f64,
        callback: &Callback,
        timeline: &Value,
    ) -> Result<Self> {
        let told = prediction.get("charged_usd").and_then(Value::as_f64).unwrap_or_default();
        let charged_usd = (charged_usd * 1e6).round() / 1e6;
        ensure!(charged_usd == told && told > 0.0, "the balance fell by ${charged_usd}, but ${told} was told");
        let object = |name: &str| text(prediction.pointer("/objects/0").unwrap_or(&Value::Null), name);
        Ok(Self {
            task_id: text(prediction, "id")?,
            before: pictures.before.display().to_string(),
            after: pictures.after.display().to_string(),
            s3_uri: object("s3_uri")?,
            sha256: object("sha256")?,
            completed_by: text(timeline, "completed_by")?,
            charged_usd,
            callback: CallbackReport { verified: true, attempts: callback.attempts },
            timeline: lines(timeline),
        })
    }

    #[expect(clippy::print_stdout, reason = "the result of the command")]
    pub(super) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        println!("task       {}", self.task_id);
        println!("before     {}", self.before);
        println!("after      {}", self.after);
        println!("object     {}", self.s3_uri);
        println!("sha256     {}", self.sha256);
        println!("completed  by {}", self.completed_by);
        println!("charged    ${}", self.charged_usd);
        println!("callback   signature verified, {} attempt(s)", self.callback.attempts);
        println!("timeline");
        for line in &self.timeline {
            println!("  {:>7} ms  {} {}", line.ms, line.step, line.via.as_deref().unwrap_or_default());
        }
        println!("The model was the bundled emulator: it edits real pixels, but it is not flux-kontext-max.");
        Ok(())
    }
}

/// Steps and callback attempts, by time.
fn lines(timeline: &Value) -> Vec<Line> {
    let array = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let ms = |value: &Value| value.get("ms").and_then(Value::as_u64).unwrap_or_default();
    let steps = array(timeline, "steps").into_iter().map(|step| Line {
        step: text(&step, "name").unwrap_or_default(),
        ms: ms(&step),
        via: text(&step, "via").ok(),
    });
    let attempts = array(timeline, "deliveries").into_iter().flat_map(|delivery| array(&delivery, "attempts"));
    let callbacks = attempts.map(|attempt| Line { step: "callback".to_owned(), ms: ms(&attempt), via: None });
    let mut lines: Vec<Line> = steps.chain(callbacks).collect();
    lines.sort_by_key(|line| line.ms);
    lines
}
