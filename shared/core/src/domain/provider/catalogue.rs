//! The provider's catalogue: which models there are, what they take, what they cost.

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use crate::base::error::{Error, Kind};
use crate::base::id::ModelId;
use crate::domain::media::MediaKind;
use crate::domain::money::MicroUsd;
use crate::domain::provider::lenient::Fields;

/// The whole catalogue, as it was read once.
pub struct Catalogue {
    models: HashMap<ModelId, Model>,
    raw: Vec<Value>,
}

/// How much of two names must agree for one to be taken for a slip of the other.
const LIKENESS_MIN: f64 = 0.75;
/// Names that may be meant.
const NEAR_MAX: usize = 3;

/// One model that can be run.
pub struct Model {
    pub id: ModelId,
    pub base_price: MicroUsd,
    /// True when the price depends on the inputs, so that only a quote tells it.
    pub needs_quote: bool,
    /// `None` when the provider does not say, or the model makes something else.
    pub makes: Option<MediaKind>,
    schema: Value,
    /// Compiled at the model's first run: the provider lists hundreds, and a process runs a few.
    /// `None` when it cannot be.
    validator: OnceLock<Option<Validator>>,
}

impl Catalogue {
    /// Reads the bare array of `GET /api/v3/models`. Entries that cannot be read or run are left
    /// out: one odd model must not take the others away.
    pub fn from_entries(raw: Vec<Value>) -> Self {
        let models = raw
            .iter()
            .filter_map(Model::from_entry)
            .map(|model| (model.id.clone(), model))
            .collect();
        Self { models, raw }
    }

    /// Fails with kind `NotFound`.
    pub fn model(&self, id: &ModelId) -> Result<&Model, Error> {
        self.models.get(id).ok_or_else(|| {
            let text =
                format!("there is no model '{id}'; GET /api/v3/models lists those there are");
            Error::new(Kind::NotFound, "unknown_model", text)
        })
    }

    /// Those that can be run, in no order.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// The models whose names are most like this one, which may be a slip of the pen; the likest
    /// first.
    pub fn near(&self, id: &ModelId) -> Vec<&ModelId> {
        let likeness =
            |other: &ModelId| strsim::normalized_damerau_levenshtein(id.as_str(), other.as_str());
        let mut near: Vec<(f64, &ModelId)> = self
            .models
            .keys()
            .map(|other| (likeness(other), other))
            .collect();
        near.retain(|(likeness, _)| *likeness >= LIKENESS_MIN);
        near.sort_by(|(a, a_id), (b, b_id)| {
            b.total_cmp(a)
                .then_with(|| a_id.as_str().cmp(b_id.as_str()))
        });
        near.into_iter().map(|(_, id)| id).take(NEAR_MAX).collect()
    }

    /// The entries as the provider wrote them.
    pub fn raw(&self) -> &[Value] {
        &self.raw
    }
}

impl Model {
    fn from_entry(entry: &Value) -> Option<Self> {
        let fields = Fields::of(entry)?;
        let id = ModelId::parse(&fields.text(&["model_id"])?).ok()?;
        let base_price = MicroUsd::from_usd(fields.number(&["base_price"])?)?;
        let schema = run_schema(entry)?;
        schema.get("properties")?.as_object()?;
        let needs_quote = entry
            .get("formula")
            .and_then(Value::as_str)
            .is_some_and(|formula| !formula.trim().is_empty());
        let makes = entry
            .get("type")
            .and_then(Value::as_str)
            .and_then(MediaKind::of_model_type);
        Some(Self {
            id,
            base_price,
            needs_quote,
            makes,
            schema: schema.clone(),
            validator: OnceLock::new(),
        })
    }

    /// Keeps the declared inputs, drops nulls, media and required texts left blank and what the
    /// model does not declare (as the provider does), and checks the rest. Fails with kind
    /// `Invalid`, naming the field; kind `Unavailable` when the provider's own declaration makes no
    /// sense.
    pub fn accept(&self, inputs: Map<String, Value>) -> Result<Map<String, Value>, Error> {
        let kept = inputs
            .into_iter()
            .filter(|(name, value)| !value.is_null() && self.property(name).is_some());
        let kept = kept.filter(|(name, value)| {
            !(is_blank(value) && self.counts_blank_as_left_out(name, value))
        });
        let inputs = Value::Object(kept.collect());
        if let Err(error) = self.validator()?.validate(&inputs) {
            return Err(refusal(&error));
        }
        match inputs {
            Value::Object(inputs) => Ok(inputs),
            _ => Err(Error::internal(
                "inputs_not_an_object",
                "the inputs stopped being an object",
            )),
        }
    }

    /// The names of the inputs that hold media: URLs of pictures to fetch.
    pub fn media_fields(&self) -> impl Iterator<Item = &str> {
        let properties = self.schema["properties"].as_object().into_iter().flatten();
        properties
            .filter(|(name, property)| is_media(name, property))
            .map(|(name, _)| name.as_str())
    }

    /// True for a media field that takes pictures and nothing else, as far as the provider says so.
    pub fn takes_pictures_alone(&self, name: &str) -> bool {
        self.property(name)
            .is_some_and(|property| is_for_pictures(name, property))
    }

    fn counts_blank_as_left_out(&self, name: &str, blank: &Value) -> bool {
        let Some(property) = self.property(name) else {
            return false;
        };
        let required = self.schema.get("required").and_then(Value::as_array);
        let is_required =
            required.is_some_and(|required| required.iter().any(|required| required == name));
        // A blank that the provider lists is an answer like the others.
        let is_listed = property
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|listed| listed.contains(blank));
        is_media(name, property) || (is_required && !is_listed)
    }

    fn property(&self, name: &str) -> Option<&Value> {
        self.schema["properties"].get(name)
    }

    fn validator(&self) -> Result<&Validator, Error> {
        let validator = self
            .validator
            .get_or_init(|| jsonschema::validator_for(&self.schema).ok());
        validator.as_ref().ok_or_else(|| {
            let text = format!(
                "the provider's catalogue declares the inputs of '{}' in a way that cannot be read",
                self.id
            );
            Error::unavailable("model_unreadable", text)
        })
    }
}

fn run_schema(entry: &Value) -> Option<&Value> {
    let schemas = entry.pointer("/api_schema/api_schemas")?.as_array()?;
    let run = schemas
        .iter()
        .find(|schema| schema.get("type").and_then(Value::as_str) == Some("model_run"))?;
    run.get("request_schema")
}

fn is_media(name: &str, property: &Value) -> bool {
    matches!(name, "image" | "images" | "video" | "audio")
        || is_marked(property)
        || property.get("items").is_some_and(is_marked)
}

/// By the words of JSON Schema, or by those that the provider's own page is drawn by.
fn is_marked(property: &Value) -> bool {
    let keyword = |key: &str| {
        property
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    property.get("x-accept").is_some()
        || keyword("x-ui-component").starts_with("uploader")
        || keyword("format") == "uri"
        || keyword("contentEncoding") == "base64"
}

/// By what its uploader accepts, and where that is left open by its name.
fn is_for_pictures(name: &str, property: &Value) -> bool {
    let accepts = |property: &Value| {
        property
            .get("x-accept")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match accepts(property).or_else(|| property.get("items").and_then(accepts)) {
        Some(accepted) => accepted
            .split(',')
            .all(|accepted| accepted.trim().starts_with("image/")),
        None => matches!(name.rsplit('_').next(), Some("image" | "images")),
    }
}

/// What clients send for a picture that nobody chose.
fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn refusal(error: &jsonschema::ValidationError<'_>) -> Error {
    if let ValidationErrorKind::Required { property } = error.kind() {
        let name = property.as_str().unwrap_or_default().to_owned();
        return Error::invalid(
            "missing_parameter",
            format!("the parameter '{name}' is missing or blank"),
        )
        .field(name);
    }
    let path = error.instance_path().to_string();
    let name = path.trim_start_matches('/').to_owned();
    if let ValidationErrorKind::Enum { options } = error.kind() {
        return Error::invalid(
            "invalid_parameter",
            format!("the parameter '{name}' must be one of {}", listed(options)),
        )
        .field(name);
    }
    let why = error.masked().to_string();
    Error::invalid(
        "invalid_parameter",
        format!("the parameter '{name}' is not valid: {why}"),
    )
    .field(name)
}

/// All of them: whoever has guessed wrong once should not have to guess again.
fn listed(options: &Value) -> String {
    let texts = options.as_array().into_iter().flatten();
    let texts: Vec<String> = texts
        .map(|option| {
            option
                .as_str()
                .map_or_else(|| option.to_string(), str::to_owned)
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model() -> Catalogue {
        Catalogue::from_entries(vec![
            json!({
                "model_id": "wavespeed-ai/flux-kontext-max", "base_price": 0.08, "formula": "",
                "api_schema": {"api_schemas": [{"type": "model_run", "request_schema": {
                    "type": "object", "required": ["prompt", "image"], "properties": {
                        "prompt": {"type": "string"},
                        "negative_prompt": {"type": "string"},
                        "image": {"type": "string", "x-accept": "image/*"},
                        "mask": {"type": "string", "x-ui-component": "uploader"},
                        "frames": {"type": "array", "items": {"type": "string", "x-accept": "image/*"}},
                        "data": {"type": "string", "x-accept": ".zip,image/*"},
                        "style_image": {"type": "string", "format": "uri"},
                        "audio": {"type": "string"},
                        "size": {"enum": ["small", "large", 7]},
                        "guidance_scale": {"type": "number", "minimum": 1, "maximum": 10}
                    }}}]}
            }),
            json!({"model_id": "odd/one"}),
        ])
    }

    fn accept(inputs: Value) -> Result<Map<String, Value>, Error> {
        let id = ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap();
        let Value::Object(inputs) = inputs else {
            unreachable!()
        };
        model().model(&id).unwrap().accept(inputs)
    }

    #[test]
    fn a_missing_and_an_out_of_range_parameter_are_named() {
        let missing = accept(json!({"prompt": "x"})).unwrap_err();
        let range = accept(json!({"prompt": "x", "image": "y", "guidance_scale": 11})).unwrap_err();

        assert_eq!(
            (missing.code, missing.field.as_deref()),
            ("missing_parameter", Some("image"))
        );
        assert_eq!(
            (range.code, range.field.as_deref()),
            ("invalid_parameter", Some("guidance_scale"))
        );
    }

    #[test]
    fn a_value_that_is_none_of_a_list_is_told_the_whole_list() {
        let error = accept(json!({"prompt": "x", "image": "y", "size": "huge"})).unwrap_err();

        assert_eq!(
            error.message,
            "the parameter 'size' must be one of small, large, 7"
        );
        assert_eq!(
            (error.code, error.field.as_deref()),
            ("invalid_parameter", Some("size"))
        );
    }

    #[test]
    fn a_declaration_that_makes_no_sense_is_told_when_its_model_is_run() {
        let schema = json!({"type": "object", "properties": {"prompt": {"type": 7}}});
        let catalogue = Catalogue::from_entries(vec![json!({
            "model_id": "odd/two", "base_price": 1,
            "api_schema": {"api_schemas": [{"type": "model_run", "request_schema": schema}]}
        })]);

        let error = catalogue
            .model(&ModelId::parse("odd/two").unwrap())
            .unwrap()
            .accept(Map::new())
            .unwrap_err();

        assert_eq!(
            (error.kind, error.code),
            (Kind::Unavailable, "model_unreadable")
        );
    }

    #[test]
    fn undeclared_inputs_and_nulls_are_dropped_as_provider_does() {
        let kept =
            accept(json!({"prompt": "x", "image": "y", "guidance_scale": null, "surprise": 1}))
                .unwrap();

        assert_eq!(kept.keys().collect::<Vec<_>>(), ["image", "prompt"]);
    }

    #[test]
    fn a_price_that_comes_as_text_is_one() {
        let mut entry = model().raw()[0].clone();
        entry["base_price"] = json!("0.08");

        let catalogue = Catalogue::from_entries(vec![entry]);

        assert_eq!(
            catalogue.models().next().map(|model| model.base_price),
            Some(MicroUsd(80_000))
        );
    }

    #[test]
    fn a_misspelt_name_is_near_the_one_that_is_meant() {
        let catalogue = model();
        let near = |text: &str| -> Vec<String> {
            catalogue
                .near(&ModelId::parse(text).unwrap())
                .into_iter()
                .map(ToString::to_string)
                .collect()
        };

        for slip in [
            "wavespeed-ai/flux-kontex-max",
            "wavespeed-ai/flux-kontext-mxa",
            "wavespeed/flux-kontext-max",
        ] {
            assert_eq!(near(slip), ["wavespeed-ai/flux-kontext-max"], "{slip}");
        }
        assert!(near("google/veo3").is_empty());
    }

    #[test]
    fn a_picture_left_blank_is_as_good_as_none() {
        let kept = accept(json!({"prompt": "x", "image": "y", "mask": ""})).unwrap();
        let missing = accept(json!({"prompt": "x", "image": " "})).unwrap_err();

        assert_eq!(kept.keys().collect::<Vec<_>>(), ["image", "prompt"]);
        assert_eq!(
            (missing.code, missing.field.as_deref()),
            ("missing_parameter", Some("image"))
        );
    }

    #[test]
    fn media_are_marked_on_the_input_or_on_the_items_of_its_list() {
        let catalogue = model();
        let id = ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap();

        let mut fields: Vec<&str> = catalogue.model(&id).unwrap().media_fields().collect();

        fields.sort_unstable();
        assert_eq!(
            fields,
            ["audio", "data", "frames", "image", "mask", "style_image"]
        );
    }

    /// What is marked as no more than a file may be one of any kind, as an archive to train with.
    #[test]
    fn a_field_is_for_pictures_alone_by_what_it_accepts_and_else_by_its_name() {
        let catalogue = model();
        let model = catalogue
            .model(&ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap())
            .unwrap();

        let mut fields: Vec<&str> = model
            .media_fields()
            .filter(|name| model.takes_pictures_alone(name))
            .collect();

        fields.sort_unstable();
        assert_eq!(fields, ["frames", "image", "style_image"]);
    }

    #[test]
    fn a_required_text_left_blank_is_missing_and_another_is_kept() {
        for blank in ["", " ", "\n\t"] {
            let error = accept(json!({"prompt": blank, "image": "y"})).unwrap_err();

            assert_eq!(
                (error.code, error.field.as_deref()),
                ("missing_parameter", Some("prompt")),
                "{blank:?}"
            );
        }
        let kept = accept(json!({"prompt": "x", "image": "y", "negative_prompt": ""})).unwrap();
        assert_eq!(kept.get("negative_prompt"), Some(&json!("")));
    }

    #[test]
    fn an_unreadable_entry_does_not_take_the_others_away() {
        let catalogue = model();

        assert!(
            catalogue
                .model(&ModelId::parse("odd/one").unwrap())
                .is_err()
        );
        assert_eq!(catalogue.raw().len(), 2);
    }
}
