//! What the demo prints at the end.

use std::fmt::{self, Display};

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::Pictures;
use super::receiver::Callback;
use crate::cli::print::{Facts, PrintArgs};
use crate::client::text;

#[derive(Serialize)]
pub(super) struct DemoReport {
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

impl DemoReport {
    pub(super) fn new(
        prediction: &Value,
        pictures: &Pictures,
        charged_usd: f64,
        callback: &Callback,
        timeline: &Value,
    ) -> Result<Self> {
        let told = prediction
            .get("charged_usd")
            .and_then(Value::as_f64)
            .unwrap_or_default();
        let charged_usd = (charged_usd * 1e6).round() / 1e6;
        ensure!(
            charged_usd == told && told > 0.0,
            "the balance fell by ${charged_usd}, but the prediction says ${told}"
        );
        let object = |name: &str| {
            text(
                prediction.pointer("/objects/0").unwrap_or(&Value::Null),
                name,
            )
        };
        Ok(Self {
            task_id: text(prediction, "id")?,
            before: pictures.before.display().to_string(),
            after: pictures.after.display().to_string(),
            s3_uri: object("s3_uri")?,
            sha256: object("sha256")?,
            completed_by: text(timeline, "completed_by")?,
            charged_usd,
            callback: CallbackReport {
                verified: true,
                attempts: callback.attempts,
            },
            timeline: lines(timeline),
        })
    }

    pub(super) fn print(&self, print: PrintArgs) -> Result<()> {
        print.print(&Facts {
            json: serde_json::to_value(self)?,
            quiet: self.after.clone(),
            text: self.to_string(),
        })
    }
}

impl Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "task       {}", self.task_id)?;
        writeln!(f, "before     {}", self.before)?;
        writeln!(f, "after      {}", self.after)?;
        writeln!(f, "object     {}", self.s3_uri)?;
        writeln!(f, "sha256     {}", self.sha256)?;
        writeln!(f, "completed  by {}", self.completed_by)?;
        writeln!(f, "charged    ${}", self.charged_usd)?;
        writeln!(
            f,
            "callback   signature verified, {} attempt(s)",
            self.callback.attempts
        )?;
        writeln!(f, "timeline")?;
        for line in &self.timeline {
            writeln!(
                f,
                "  {:>7} ms  {} {}",
                line.ms,
                line.step,
                line.via.as_deref().unwrap_or_default()
            )?;
        }
        writeln!(
            f,
            "The model was the bundled emulator: it edits real pixels, but it is not flux-kontext-max."
        )
    }
}

/// Steps and callback attempts, by time.
fn lines(timeline: &Value) -> Vec<Line> {
    let array = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let ms = |value: &Value| value.get("ms").and_then(Value::as_u64).unwrap_or_default();
    let steps = array(timeline, "steps").into_iter().map(|step| Line {
        step: text(&step, "name").unwrap_or_default(),
        ms: ms(&step),
        via: text(&step, "via").ok(),
    });
    let attempts = array(timeline, "deliveries")
        .into_iter()
        .flat_map(|delivery| array(&delivery, "attempts"));
    let callbacks = attempts.map(|attempt| Line {
        step: "callback".to_owned(),
        ms: ms(&attempt),
        via: None,
    });
    let mut lines: Vec<Line> = steps.chain(callbacks).collect();
    lines.sort_by_key(|line| line.ms);
    lines
}
