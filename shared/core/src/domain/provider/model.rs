//! One model: what it takes, and whether inputs are what it takes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::lenient::Fields;
use super::pricing::{Pricing, QuoteKey};
use super::schema::Compiled;
use crate::base::digest::RunningSha256;
use crate::base::error::Error;
use crate::base::id::ModelId;
use crate::domain::media::MediaKind;
use crate::domain::money::MicroUsd;

/// One model that can be run.
pub struct Model {
    pub id: ModelId,
    pricing: Pricing,
    /// `None` when the provider does not say, or the model makes something else.
    pub makes: Option<MediaKind>,
    schema: Value,
    /// Compiled at the model's first run: the provider lists hundreds, and a process runs a few.
    compiled: OnceLock<Compiled>,
    told_unchecked: AtomicBool,
}

/// Inputs that hold media whatever a schema says of them.
const MEDIA_NAMES: [&str; 4] = ["image", "images", "video", "audio"];

impl Model {
    pub(super) fn from_entry(entry: &Value) -> Option<Self> {
        let fields = Fields::of(entry)?;
        let id = ModelId::parse(&fields.text(&["model_id"])?).ok()?;
        let schema = run_schema(entry)?;
        let makes = entry
            .get("type")
            .and_then(Value::as_str)
            .and_then(MediaKind::of_model_type);
        Some(Self {
            id,
            pricing: Pricing::of(entry, properties_of(schema)),
            makes,
            schema: schema.clone(),
            compiled: OnceLock::new(),
            told_unchecked: AtomicBool::new(false),
        })
    }

    /// Keeps the declared inputs, drops nulls, media and required texts left blank and what the
    /// model does not declare (as the provider does), and checks the rest as far as the schema can
    /// be read. A model that declares no inputs at all is passed what is given. Fails with kind
    /// `Invalid`, naming the field.
    pub fn accept(&self, inputs: Map<String, Value>) -> Result<Map<String, Value>, Error> {
        let inputs = self.given(inputs)?;
        match self
            .validator()
            .map(|validator| validator.validate(&inputs))
        {
            Some(Err(error)) => Err(refusal(&error)),
            _ => as_object(inputs),
        }
    }

    /// As [`Self::accept`], for the price of a run: inputs may be missing.
    pub fn accept_for_price(
        &self,
        inputs: Map<String, Value>,
    ) -> Result<Map<String, Value>, Error> {
        let inputs = self.given(inputs)?;
        let is_missing = |error: &jsonschema::ValidationError<'_>| {
            matches!(error.kind(), ValidationErrorKind::Required { .. })
        };
        let unfit = self.validator().and_then(|validator| {
            let mut errors = validator.iter_errors(&inputs);
            errors
                .find(|error| !is_missing(error))
                .map(|error| refusal(&error))
        });
        unfit.map_or_else(|| as_object(inputs), Err)
    }

    /// The declared inputs that were given. Fails with kind `Invalid` for a whole number that is
    /// too large to be passed on as it is.
    fn given(&self, inputs: Map<String, Value>) -> Result<Value, Error> {
        let declared = inputs
            .into_iter()
            .filter(|(name, value)| !value.is_null() && self.takes(name));
        let declared = declared.filter(|(name, value)| {
            !(is_blank(value) && self.counts_blank_as_left_out(name, value))
        });
        let declared = declared.filter_map(|(name, value)| {
            let value = self.without_blanks(&name, value)?;
            Some((name, value))
        });
        let inputs: Map<String, Value> = declared.collect();
        for (name, value) in &inputs {
            if self.property(name).is_some_and(is_integer) && is_beyond_integers(value) {
                let text = format!(
                    "the parameter '{name}' must be a whole number of at most 64 bits: {} to {}",
                    i64::MIN,
                    u64::MAX
                );
                return Err(Error::invalid("invalid_parameter", text).field(name));
            }
        }
        Ok(Value::Object(inputs))
    }

    fn validator(&self) -> Option<&jsonschema::Validator> {
        self.compiled().validator.as_ref()
    }

    /// The parts of the schema that inputs are not checked against, because they cannot be read;
    /// for the log, so only the first caller is told.
    pub fn unchecked_once(&self) -> Option<String> {
        let unchecked = &self.compiled().unchecked;
        let is_first = !unchecked.is_empty() && !self.told_unchecked.swap(true, Ordering::Relaxed);
        is_first.then(|| unchecked.join(", "))
    }

    /// True if both have the same schema, price and kind.
    pub(super) fn declares_as(&self, other: &Self) -> bool {
        self.pricing.is_as(&other.pricing)
            && self.makes == other.makes
            && self.schema == other.schema
    }

    /// What a run costs before any input changes that and before any discount. `None` if the
    /// provider does not say.
    pub fn base_price(&self) -> Option<MicroUsd> {
        self.pricing.base
    }

    /// What a run costs before any input changes that. `None` if only a quote tells it.
    pub fn least_price(&self) -> Option<MicroUsd> {
        self.pricing.least()
    }

    /// What a run with these inputs costs, if the catalogue itself says so; else only a quote does.
    pub fn price_told(&self, inputs: &Map<String, Value>) -> Option<MicroUsd> {
        self.pricing.told(inputs, self.properties())
    }

    /// True if the price may depend on this input.
    pub fn price_depends_on(&self, input: &str) -> bool {
        self.pricing.depends_on(input)
    }

    /// Runs with the same key cost the same.
    pub fn quote_key(&self, inputs: &Map<String, Value>) -> QuoteKey {
        let mut running = RunningSha256::default();
        running.update(self.id.as_str().as_bytes());
        self.pricing.digest(&mut running, inputs);
        running.finish()
    }

    /// The names of the inputs that hold media: URLs of pictures to fetch.
    pub fn media_fields(&self) -> impl Iterator<Item = &str> {
        let declared = self.properties().into_iter().flatten();
        let declared = declared
            .filter(|(name, property)| is_media(name, property))
            .map(|(name, _)| name.as_str());
        let undeclared: &[&str] = match self.properties() {
            Some(_) => &[],
            None => &MEDIA_NAMES,
        };
        declared.chain(undeclared.iter().copied())
    }

    /// True for a media field that takes pictures and nothing else, as far as the provider says so.
    pub fn takes_pictures_alone(&self, name: &str) -> bool {
        self.property(name)
            .is_some_and(|property| is_for_pictures(name, property))
    }

    /// A list of media without its blanks; `None` if nothing is left.
    fn without_blanks(&self, name: &str, value: Value) -> Option<Value> {
        let Value::Array(mut values) = value else {
            return Some(value);
        };
        let is_media = self.property(name).is_some_and(|it| is_media(name, it));
        if is_media && values.iter().any(is_nothing) {
            values.retain(|value| !is_nothing(value));
            return (!values.is_empty()).then_some(Value::Array(values));
        }
        Some(Value::Array(values))
    }

    /// The inputs that it declares, each with its declaration.
    pub(super) fn declared(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.schema["properties"].as_object().into_iter().flatten()
    }

    pub(super) fn counts_blank_as_left_out(&self, name: &str, blank: &Value) -> bool {
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

    fn takes(&self, name: &str) -> bool {
        self.properties()
            .is_none_or(|properties| properties.contains_key(name))
    }

    fn property(&self, name: &str) -> Option<&Value> {
        self.properties()?.get(name)
    }

    fn properties(&self) -> Option<&Map<String, Value>> {
        properties_of(&self.schema)
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| Compiled::of(&self.schema))
    }
}

fn as_object(inputs: Value) -> Result<Map<String, Value>, Error> {
    match inputs {
        Value::Object(inputs) => Ok(inputs),
        _ => Err(Error::internal(
            "inputs_not_an_object",
            "the inputs stopped being an object",
        )),
    }
}

fn is_integer(property: &Value) -> bool {
    match property.get("type") {
        Some(Value::Array(types)) => types.iter().any(|kind| kind == "integer"),
        kind => kind.is_some_and(|kind| kind == "integer"),
    }
}

/// A number that was read as a float because no integer holds it has lost its last digits.
fn is_beyond_integers(value: &Value) -> bool {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    value.is_f64() && value.as_f64().is_some_and(|number| number.abs() >= BEYOND)
}

fn properties_of(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// Of the run, among the schemas of a model's other calls.
fn run_schema(entry: &Value) -> Option<&Value> {
    let schemas = entry.pointer("/api_schema/api_schemas")?.as_array()?;
    let run = schemas
        .iter()
        .find(|schema| schema.get("type").and_then(Value::as_str) == Some("model_run"))?;
    run.get("request_schema")
        .filter(|schema| schema.is_object())
}

pub(super) fn is_media(name: &str, property: &Value) -> bool {
    MEDIA_NAMES.contains(&name)
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

/// A place in a list of media that nobody filled.
pub(super) fn is_nothing(value: &Value) -> bool {
    value.is_null() || is_blank(value)
}

/// What clients send for a picture that nobody chose.
pub(super) fn is_blank(value: &Value) -> bool {
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
