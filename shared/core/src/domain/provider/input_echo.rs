//! What a run was asked for, as it is told to the tenant that asked.

use serde_json::{Map, Value};

use super::Model;
use super::model::{is_blank, is_media, is_nothing};

/// Where an embedded file ended that is not repeated.
const LEFT_OUT: &str = "…";
/// A media type is shorter.
const URI_HEAD_BYTES_MAX: usize = 128;

impl Model {
    /// The inputs that were given and that the model declares, and the defaults of the others. Of
    /// an embedded file only the type is told.
    pub fn echo(&self, inputs: &Map<String, Value>) -> Map<String, Value> {
        let echoed = |(name, declaration): (&String, &Value)| {
            let given = inputs.get(name).filter(|value| {
                let is_left_out = is_blank(value) && self.counts_blank_as_left_out(name, value);
                !(value.is_null() || is_left_out)
            });
            let value = match given {
                Some(value) if is_media(name, declaration) => without_files(value),
                Some(value) => value.clone(),
                None => declaration
                    .get("default")
                    .filter(|value| !value.is_null())?
                    .clone(),
            };
            Some((name.clone(), value))
        };
        self.declared().filter_map(echoed).collect()
    }
}

fn without_files(value: &Value) -> Value {
    match value {
        Value::Array(values) => {
            let given = values.iter().filter(|value| !is_nothing(value));
            given.map(without_files).collect()
        }
        Value::String(text) if !is_address(text) => Value::String(head_of_file(text)),
        other => other.clone(),
    }
}

fn is_address(text: &str) -> bool {
    let start = text.trim_start().get(..4);
    start.is_some_and(|start| start.eq_ignore_ascii_case("http"))
}

fn head_of_file(text: &str) -> String {
    let head = text
        .find(',')
        .filter(|comma| *comma < URI_HEAD_BYTES_MAX)
        .and_then(|comma| text.get(..=comma));
    format!("{}{LEFT_OUT}", head.unwrap_or("data:;base64,"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Catalogue;
    use super::*;
    use crate::base::id::ModelId;

    fn echo(inputs: Value) -> Value {
        let schema = json!({ "type": "object", "required": ["prompt"], "properties": {
            "prompt": { "type": "string" },
            "image": { "type": "string", "default": "" },
            "images": { "type": "array", "items": { "type": "string" } },
            "strength": { "type": "number", "default": 3.5 },
            "seed": { "type": "integer", "default": null },
        } });
        let catalogue = Catalogue::from_entries(vec![json!({
            "model_id": "a/one", "base_price": 0.08,
            "api_schema": { "api_schemas": [{ "type": "model_run", "request_schema": schema }] },
        })]);
        let model = catalogue.model(&ModelId::parse("a/one").unwrap()).unwrap();
        let Value::Object(inputs) = inputs else {
            panic!("inputs are an object");
        };
        Value::Object(model.echo(&inputs))
    }

    #[test]
    fn defaults_stand_where_nothing_was_given_and_what_is_not_declared_is_left_out() {
        let given = json!({ "prompt": "x", "strength": 2, "own": 1, "seed": null });
        let expected = json!({ "prompt": "x", "image": "", "strength": 2 });
        assert_eq!(echo(given), expected);
        let expected = json!({ "prompt": "x", "image": "", "strength": 3.5 });
        assert_eq!(echo(json!({ "prompt": "x", "image": " " })), expected);
    }

    #[test]
    fn an_embedded_file_is_not_repeated() {
        let address = "https://img.example/a.png?x=data:,y";
        let given = json!({
            "prompt": "data:image/png;base64,AAAA",
            "image": "iVBORw0KGgo",
            "images": [address, "", null, "data:image/png;base64,AAAA"],
        });
        let told = echo(given);
        assert_eq!(told["prompt"], "data:image/png;base64,AAAA");
        assert_eq!(told["image"], "data:;base64,…");
        assert_eq!(told["images"], json!([address, "data:image/png;base64,…"]));
    }
}
