//! What a tenant may say of an endpoint, checked whole before any of it is written.

use std::collections::BTreeMap;

use super::Endpoints;
use crate::app::vault::Belongs;
use crate::base::error::{Error, Result};
use crate::base::id::{EndpointId, ModelId, TenantId};
use crate::base::labels::Labels;
use crate::base::seal::Sealed;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::webhook::{
    CallbackUrl, Endpoint, EndpointKind, EventFilter, EventType, HEADERS_MAX, HeaderName, Ordering,
    Payload, RecoveryScope, SignatureSchemes, SigningKey,
};

const DESCRIPTION_CHARS_MAX: usize = 256;
const RATE_MAX: u32 = 1_000;
const CONCURRENCY_MAX: u32 = 100;

/// What is to be otherwise; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct EndpointChange {
    /// Whether it is read instead of called; of a new endpoint.
    pub pull: Option<bool>,
    /// Absolute, https.
    pub url: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
    /// None means all but `task.started`.
    pub event_types: Option<Vec<String>>,
    pub filter_models: Option<Vec<String>>,
    pub filter_metadata: Option<BTreeMap<String, String>>,
    /// Headers to set, and with `None` to remove; others stay.
    pub headers: BTreeMap<String, Option<Secret>>,
    pub payload: Option<Payload>,
    pub ordering: Option<Ordering>,
    pub signatures: Option<SignatureSchemes>,
    /// `Some(None)` is the installation's again.
    pub rate_per_second: Option<Option<u32>>,
    pub concurrency: Option<Option<u32>>,
    pub enabled: Option<bool>,
    /// What becomes of what was held, when it is enabled.
    pub release: Release,
}

/// Which held deliveries are sent when their endpoint is enabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Release {
    #[default]
    All,
    /// Those of events from then on.
    Since(Timestamp),
    /// None: they stay held, for a replay.
    None,
}

/// A change with everything in it that has to be sealed first.
pub(super) struct Prepared<'a> {
    change: &'a EndpointChange,
    /// With `None` one is removed.
    headers: Vec<(HeaderName, Option<Sealed>)>,
    /// For an endpoint that has none and is to sign by one.
    key: Option<SigningKey>,
    now: Timestamp,
}

impl Endpoints {
    pub(super) async fn prepared<'a>(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        change: &'a EndpointChange,
    ) -> Result<Prepared<'a>> {
        let mut headers: Vec<(HeaderName, Option<Sealed>)> = Vec::new();
        refuse_too_many_headers(change.headers.values().flatten().count())?;
        for (name, value) in &change.headers {
            let name = HeaderName::parse(name)?;
            if headers.iter().any(|(known, _)| *known == name) {
                let text = format!("the header '{name}' is given twice, in other letters");
                return Err(Error::invalid("invalid_header", text).field("headers"));
            }
            let sealed = match value {
                Some(value) => {
                    name.check_value(value.expose())?;
                    let belongs = Belongs::EndpointHeader(id, &name);
                    Some(self.callbacks.vault().seal(tenant, belongs, value).await?)
                }
                None => None,
            };
            headers.push((name, sealed));
        }
        let key = match change.signatures {
            Some(schemes) if schemes.has_v1a() => Some(self.fresh_key(tenant, id).await?),
            _ => None,
        };
        Ok(Prepared {
            change,
            headers,
            key,
            now: self.context.now(),
        })
    }
}

impl Prepared<'_> {
    /// The endpoint with the change; nothing is written. Kind `Invalid`, naming the field.
    pub(super) fn apply(&self, before: &Endpoint) -> Result<Endpoint> {
        let (change, mut endpoint) = (self.change, before.clone());
        refuse_unfit(change, &endpoint)?;
        if let Some(url) = &change.url {
            let url = CallbackUrl::parse_new(url).map_err(|error| error.field("url"))?;
            endpoint.kind = EndpointKind::Push { url };
        }
        if let Some(text) = &change.description {
            endpoint.description = description(text)?;
        }
        if let Some(map) = &change.metadata {
            endpoint.metadata = Labels::new(map.clone())?;
        }
        if let Some(names) = &change.event_types {
            endpoint.event_types = event_types(names, before.tenant.is_operator())?;
        }
        filter(&mut endpoint.filter, change)?;
        endpoint.payload = change.payload.unwrap_or(endpoint.payload);
        endpoint.ordering = change.ordering.unwrap_or(endpoint.ordering);
        if let Some(rate) = change.rate_per_second {
            endpoint.rate_per_second = within("rate_per_second", rate, RATE_MAX)?;
        }
        if let Some(concurrency) = change.concurrency {
            endpoint.concurrency = within("concurrency", concurrency, CONCURRENCY_MAX)?;
        }
        match change.enabled {
            Some(true) if !endpoint.enabled => self.enable(&mut endpoint),
            Some(false) if endpoint.enabled => endpoint.stop(self.now),
            _ => {}
        }
        self.set_headers(&mut endpoint)?;
        if let Some(schemes) = change.signatures {
            endpoint.signatures = schemes;
            if endpoint.signing_keys.is_empty() {
                endpoint.signing_keys.extend(self.key.clone());
            }
        }
        Ok(endpoint)
    }

    fn enable(&self, endpoint: &mut Endpoint) {
        endpoint.enable(self.now);
        let since = match self.change.release {
            Release::All => None,
            Release::Since(since) => Some(since),
            Release::None => return,
        };
        endpoint.begin_recovery(RecoveryScope::Held, since, self.now);
    }

    fn set_headers(&self, endpoint: &mut Endpoint) -> Result<()> {
        for (name, sealed) in &self.headers {
            match sealed {
                Some(sealed) => endpoint.headers.insert(name.clone(), sealed.clone()),
                None => endpoint.headers.remove(name),
            };
        }
        refuse_too_many_headers(endpoint.headers.len())
    }
}

/// What is only said of endpoints that are called has no meaning for one that is read.
fn refuse_unfit(change: &EndpointChange, endpoint: &Endpoint) -> Result<()> {
    let refused = |field: &str, text: String| {
        Err(Error::invalid("invalid_parameter", text).field(field.to_owned()))
    };
    let is_pull = endpoint.pull().is_some();
    if change.pull.is_some_and(|pull| pull != is_pull) {
        let text = "an endpoint's kind stays as it is; create another endpoint".to_owned();
        return refused("kind", text);
    }
    if !is_pull {
        return Ok(());
    }
    let given = [
        ("url", change.url.is_some()),
        ("headers", !change.headers.is_empty()),
        ("ordering", change.ordering.is_some()),
        ("rate_per_second", change.rate_per_second.is_some()),
        ("concurrency", change.concurrency.is_some()),
        ("enabled", change.enabled == Some(false)),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((field, _)) => {
            let text =
                format!("a pull endpoint is read, nothing is sent to it; leave '{field}' out");
            refused(field, text)
        }
        None => Ok(()),
    }
}

fn refuse_too_many_headers(given: usize) -> Result<()> {
    if given <= HEADERS_MAX {
        return Ok(());
    }
    let text = format!("{given} headers are given; {HEADERS_MAX} fit");
    Err(Error::invalid("too_many_headers", text).field("headers"))
}

fn description(text: &str) -> Result<String> {
    if text.chars().count() > DESCRIPTION_CHARS_MAX || text.contains(char::is_control) {
        let text = format!("'description' is a line of at most {DESCRIPTION_CHARS_MAX} characters");
        return Err(Error::invalid("invalid_parameter", text).field("description"));
    }
    Ok(text.to_owned())
}

/// A tenant is never told what only the operator is.
fn event_types(names: &[String], is_operator: bool) -> Result<Vec<EventType>> {
    let mut types: Vec<EventType> = names
        .iter()
        .map(|name| EventType::parse(name))
        .collect::<Result<_>>()?;
    if let Some(event) = types.iter().find(|event| event.is_of_operator())
        && !is_operator
    {
        let text = format!("'{}' is told to the operator alone", event.as_str());
        return Err(Error::invalid("invalid_parameter", text).field("event_types"));
    }
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

fn filter(filter: &mut EventFilter, change: &EndpointChange) -> Result<()> {
    if let Some(models) = &change.filter_models {
        if models.len() > EventFilter::MODELS_MAX {
            let text = format!("at most {} models fit", EventFilter::MODELS_MAX);
            return Err(Error::invalid("invalid_parameter", text).field("filter.models"));
        }
        let parsed = models.iter().map(|model| ModelId::parse(model));
        filter.models = parsed
            .collect::<Result<_>>()
            .map_err(|error| error.field("filter.models"))?;
    }
    if let Some(map) = &change.filter_metadata {
        filter.metadata =
            Labels::new(map.clone()).map_err(|error| error.field("filter.metadata"))?;
    }
    Ok(())
}

fn within(field: &str, value: Option<u32>, max: u32) -> Result<Option<u32>> {
    if value.is_some_and(|value| !(1..=max).contains(&value)) {
        let text = format!("'{field}' is a number from 1 to {max}, or null");
        return Err(Error::invalid("invalid_parameter", text).field(field));
    }
    Ok(value)
}
