//! The corpus of provider answers, and inputs that are not answers.

use serde::Deserialize;
use serde_json::json;

use super::*;

/// Answers seen in practice, each as a change to the documented one.
const CORPUS: &str = include_str!("answers.json");

#[derive(Deserialize)]
struct Corpus {
    documented: Value,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    name: String,
    #[serde(default)]
    with: serde_json::Map<String, Value>,
    #[serde(default)]
    without: Vec<String>,
    /// Expected results; a field is compared only if present.
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    outputs: Option<Vec<String>>,
    #[serde(default)]
    inference_ms: Option<u64>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    inputs: Option<Value>,
    #[serde(default)]
    nsfw: Option<Vec<bool>>,
    #[serde(default)]
    error: Option<String>,
}

impl Corpus {
    fn read() -> Self {
        serde_json::from_str(CORPUS).unwrap()
    }

    fn prediction(&self, answer: &Answer) -> Value {
        let mut fields = self.documented.as_object().unwrap().clone();
        answer
            .without
            .iter()
            .for_each(|name| drop(fields.remove(name)));
        fields.extend(answer.with.clone());
        Value::Object(fields)
    }
}

#[test]
fn every_answer_that_was_seen_is_read() {
    let corpus = Corpus::read();
    for answer in &corpus.answers {
        let name = &answer.name;
        let run = ProviderRun::from_json(&corpus.prediction(answer))
            .unwrap_or_else(|error| panic!("{name}: {error}"));

        assert_eq!(run.id.as_str(), "0f3c".repeat(8), "{name}");
        assert_eq!(
            run.model.as_ref().map(ModelId::as_str),
            Some("wavespeed-ai/flux-kontext-max"),
            "{name}"
        );
        let status = answer.status.as_deref().unwrap_or("completed");
        assert_eq!(run.status, super::status(status), "{name}");
        let as_documented = || vec!["https://cdn.example/out.png".to_owned()];
        assert_eq!(
            run.outputs,
            answer.outputs.clone().unwrap_or_else(as_documented),
            "{name}"
        );
        assert_eq!(
            run.inference_ms.unwrap_or_default(),
            answer.inference_ms.unwrap_or(11_076),
            "{name}"
        );
        let created_at = answer
            .created_at
            .as_deref()
            .unwrap_or("2026-08-25T00:49:21.481Z");
        assert_eq!(
            run.created_at.map(Timestamp::rfc3339).as_deref(),
            Some(created_at),
            "{name}"
        );
        assert_eq!(run.inputs, answer.inputs.clone(), "{name}");
        if let Some(nsfw) = &answer.nsfw {
            assert_eq!(&run.nsfw, nsfw, "{name}");
        }
        assert_eq!(
            run.error,
            answer.error.clone().unwrap_or_default(),
            "{name}"
        );
    }
    assert!(
        corpus.answers.len() > 25,
        "{} answers",
        corpus.answers.len()
    );
}

#[test]
fn a_bare_id_is_a_run_that_goes_on() {
    let run = ProviderRun::from_json(&json!({ "id": "0f3c" })).unwrap();

    assert_eq!(
        (run.status, run.outputs.len(), run.created_at),
        (RunStatus::Running, 0, None)
    );
}

#[test]
fn a_prediction_within_an_envelope_is_read_as_a_bare_one() {
    let body = br#"{"code":200,"message":"success","data":{"id":"0f3c","status":"completed","outputs":["x"]}}"#;

    assert_eq!(
        ProviderRun::from_json(&serde_json::from_slice(body).unwrap())
            .unwrap()
            .status,
        RunStatus::Completed
    );
}

#[test]
fn what_names_no_run_is_no_prediction() {
    for value in [
        json!(null),
        json!([]),
        json!(["0f3c", "completed"]),
        json!({}),
        json!({ "id": null }),
        json!({ "id": "" }),
        json!({ "id": {} }),
        json!({ "code": 500, "message": "internal" }),
        json!({ "data": null }),
    ] {
        let error = ProviderRun::from_json(&value).unwrap_err();
        assert_eq!(error.code, "provider_unreadable", "{value}");
    }
}

#[test]
fn success_without_outputs_is_a_failure_that_says_so() {
    for outputs in [json!([]), json!(null), json!([null]), json!("")] {
        let value = json!({ "id": "0f3c", "status": "completed", "outputs": outputs });
        let signal = ProviderRun::from_json(&value).unwrap().signal(Via::Poll);

        let Signal::RunFailed { failure, .. } = signal else {
            panic!("{outputs}: {signal:?}")
        };
        assert_eq!(failure.reason, "no_outputs");
    }
}
