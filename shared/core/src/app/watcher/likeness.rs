//! Decides whether a run in the provider's list belongs to a task, by the inputs that the provider
//! echoes.

use serde_json::{Map, Value};

use crate::app::media::{is_replaced, put_back};
use crate::domain::provider::ProviderRun;
use crate::domain::task::InputUpload;

/// A submit's inputs as the provider may have received them.
pub(super) struct Sought {
    /// The inputs that were sent unchanged.
    inputs: Map<String, Value>,
    /// True if all inputs are known as they were sent. False if an embedded file was uploaded and
    /// the URL of its upload is not known.
    whole: bool,
}

impl Sought {
    pub(super) fn of(inputs: Value, uploads: &[InputUpload]) -> Self {
        let Value::Object(mut inputs) = inputs else {
            return Self {
                inputs: Map::new(),
                whole: false,
            };
        };
        put_back(&mut inputs, uploads);
        let before = inputs.len();
        let inputs: Map<String, Value> = inputs
            .into_iter()
            .filter(|(_, value)| !is_replaced(value))
            .collect();
        Self {
            whole: inputs.len() == before,
            inputs,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Proves that the run was submitted with these inputs. Always false if one of them was
    /// replaced: another tenant's run with the same prompt would look the same.
    pub(super) fn is(&self, run: &ProviderRun) -> bool {
        let same = |theirs: &Value| {
            let equal = |(name, value): (&String, &Value)| {
                theirs.get(name).is_some_and(|echo| same_value(value, echo))
            };
            self.inputs.iter().all(equal)
        };
        self.whole && run.inputs.as_ref().is_some_and(same)
    }

    /// The run may be the one: none of its plain texts differs. The provider may change other
    /// inputs in its echo (the seed it drew in place of -1, the URL of its own copy of a picture)
    /// or echo nothing.
    pub(super) fn may_be(&self, run: &ProviderRun) -> bool {
        let Some(theirs) = run.inputs.as_ref().and_then(Value::as_object) else {
            return true;
        };
        let texts = self
            .inputs
            .iter()
            .filter_map(|(name, value)| Some((name, plain_text(value)?)));
        let mut echoed =
            texts.filter_map(|(name, text)| Some((text, plain_text(theirs.get(name)?)?)));
        echoed.all(|(text, echo)| text == echo)
    }
}

fn plain_text(value: &Value) -> Option<&str> {
    let text = value.as_str()?.trim();
    (!["http://", "https://", "data:"]
        .iter()
        .any(|scheme| text.starts_with(scheme)))
    .then_some(text)
}

/// Equal, numbers by value: a provider may echo 4.0 as 4.
fn same_value(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            ours == theirs || ours.as_f64() == theirs.as_f64()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| same_value(ours, theirs))
        }
        _ => ours == theirs,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(inputs: &Value) -> ProviderRun {
        ProviderRun::from_json(&json!({ "id": "0f3c", "input": inputs })).unwrap()
    }

    #[test]
    fn an_echo_may_add_defaults_and_write_numbers_its_own_way_and_nothing_else() {
        let ours = Sought::of(json!({ "prompt": "x", "guidance_scale": 4.0 }), &[]);

        assert!(ours.is(&run(
            &json!({ "prompt": "x", "guidance_scale": 4, "seed": -1 })
        )));
        assert!(!ours.is(&run(&json!({ "prompt": "y", "guidance_scale": 4 }))));
        assert!(!ours.is(&run(&json!({ "guidance_scale": 4 }))));
        assert!(!ours.is(&run(&json!(null))));
    }

    #[test]
    fn a_run_whose_texts_are_the_same_may_be_the_one_whatever_became_of_the_rest() {
        let ours = Sought::of(
            json!({ "prompt": "x", "seed": -1, "image": "https://a.example/1.png" }),
            &[],
        );

        for echo in [
            json!({ "prompt": " x ", "seed": 4_711, "image": "https://cdn.example/copy.png" }),
            json!({ "seed": -1 }),
            json!(null),
        ] {
            assert!(ours.may_be(&run(&echo)), "{echo}");
        }
        assert!(!ours.may_be(&run(
            &json!({ "prompt": "y", "seed": -1, "image": "https://a.example/1.png" })
        )));
    }

    #[test]
    fn inputs_that_were_replaced_prove_nothing_and_the_others_may_deny() {
        let ours = Sought::of(
            json!({ "prompt": "x", "image": "data:image/png;base64,AAAA" }),
            &[],
        );
        let theirs = run(&json!({ "prompt": "x", "image": "https://cdn.example/upload.png" }));

        assert!(!ours.is_whole() && !ours.is(&theirs) && ours.may_be(&theirs));
        assert!(!ours.may_be(&run(&json!({ "prompt": "another" }))));
    }

    #[test]
    fn a_run_of_an_upload_that_is_known_is_told_from_all_others() {
        let upload = |url: &str| InputUpload {
            field: "images".to_owned(),
            url: url.to_owned(),
        };
        let inputs = json!({ "prompt": "x", "images": ["data:image/png;base64,AAAA", "https://a.example/1.png", "data:image/png;base64,BBBB"] });
        let uploads = [
            upload("https://cdn.example/1.png"),
            upload("https://cdn.example/2.png"),
        ];
        let theirs = |last: &str| {
            run(
                &json!({ "prompt": "x", "images": ["https://cdn.example/1.png", "https://a.example/1.png", last] }),
            )
        };

        let ours = Sought::of(inputs.clone(), &uploads);

        assert!(ours.is_whole() && ours.is(&theirs("https://cdn.example/2.png")));
        assert!(!ours.is(&theirs("https://cdn.example/3.png")));
        assert!(!Sought::of(inputs, &uploads[..1]).is_whole());
    }

    #[test]
    fn a_task_whose_inputs_are_gone_may_be_any_run() {
        let gone = Sought::of(Value::Null, &[]);

        assert!(
            !gone.is(&run(&json!({ "prompt": "x" })))
                && gone.may_be(&run(&json!({ "prompt": "x" })))
        );
    }
}
