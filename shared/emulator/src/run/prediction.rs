//! The provider's prediction object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Progress, Run, RunOutcome, RunOutput};
use crate::provider::Provider;

const FORGOTTEN: &str =
    "the emulator was started again since, and forgets its runs when it stops; submit again";

/// The run's current state.
pub(crate) fn prediction(provider: &Provider, run: &Run) -> Value {
    let progress = run.progress();
    let mut data = json!({
        "id": run.id,
        "model": run.model.id,
        "outputs": [],
        "urls": {"get": format!("{}/api/v3/predictions/{}/result", provider.base_url, run.id)},
        "has_nsfw_contents": [],
        "status": progress.status(),
        "created_at": format!("{:.3}", run.created_at),
        "error": "",
        "timings": {"inference": 0},
    });
    if let Progress::Ended { at, outcome } = progress {
        let at = provider.by_its_clock(at);
        let ms = at.duration_since(run.created_at).as_millis().max(1);
        data["timings"]["inference"] = json!(i64::try_from(ms).unwrap_or(i64::MAX));
        data["executionTime"] = data["timings"]["inference"].clone();
        add_outcome(&mut data, provider, run, outcome);
    }
    if provider.faults.strike(|faults| &mut faults.odd_answers) {
        disguise(&mut data, run);
    }
    data
}

/// A run of an emulator before this one.
pub(crate) fn forgotten(provider: &Provider, id: &str, made_at: Timestamp) -> Value {
    json!({
        "id": id,
        "outputs": [],
        "urls": {"get": format!("{}/api/v3/predictions/{id}/result", provider.base_url)},
        "has_nsfw_contents": [],
        "status": "failed",
        "created_at": format!("{made_at:.3}"),
        "code": 5000,
        "error": FORGOTTEN,
        "timings": {"inference": 0},
    })
}

/// Rewrites it as other versions of the provider may write it.
fn disguise(data: &mut Value, run: &Run) {
    data["id"] = json!(run.id.to_ascii_uppercase());
    data["status"] = json!(
        data["status"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_uppercase()
    );
    let ms = data["timings"]["inference"].to_string();
    data["timings"] = Value::Null;
    for (one, other, value) in [
        ("input", "inputs", echo(run)),
        ("executionTime", "execution_time", Value::String(ms)),
    ] {
        data[one] = value.clone();
        data[other] = value;
    }
    let as_object = |url: &Value| json!({"url": url, "type": "image/jpeg"});
    data["outputs"] = data["outputs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(as_object)
        .collect();
    data["has_nsfw_contents"] = Value::Null;
    data["error"] = Value::Null;
    data["created_at"] = json!(
        data["created_at"]
            .as_str()
            .unwrap_or_default()
            .replace('Z', "+00:00")
    );
}

/// The inputs as the provider echoes them, with defaults.
pub(crate) fn echo(run: &Run) -> Value {
    let mut inputs: Map<String, Value> = run.model.defaults().collect();
    inputs.extend(run.inputs.clone());
    Value::Object(inputs)
}

fn add_outcome(data: &mut Value, provider: &Provider, run: &Run, outcome: RunOutcome) {
    match outcome {
        RunOutcome::Completed {
            outputs,
            nsfw,
            stands_in_for,
        } => {
            if let Some(format) = stands_in_for {
                data["emulator_note"] = json!(format!(
                    "edited a stand-in: the emulator does not read {format}"
                ));
            }
            data["has_nsfw_contents"] = json!(vec![nsfw; outputs.len()]);
            data["outputs"] = outputs
                .iter()
                .map(|made| output(provider, run, made))
                .collect();
        }
        RunOutcome::Failed { code, error, .. } => {
            data["code"] = json!(code);
            data["error"] = json!(error);
        }
    }
}

fn output(provider: &Provider, run: &Run, made: &RunOutput) -> Value {
    let name = match made {
        RunOutput::Text(text) => return Value::String(text.clone()),
        RunOutput::Named(name) => name,
    };
    let path = format!("outputs/{}/{name}", run.id);
    let inline = run
        .flag("enable_base64_output")
        .then(|| provider.file(&path))
        .flatten();
    if let Some(file) = inline {
        return Value::String(STANDARD.encode(&file.bytes));
    }
    let url = format!("{}/{path}", provider.base_url);
    if run.model.makes.are_objects() {
        return json!({"url": url, "index": name.split('.').next()});
    }
    Value::String(url)
}
