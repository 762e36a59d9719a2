//! An endpoint as its tenant reads and writes it.

use std::collections::BTreeMap;

use fluxgate_core::Error;
use fluxgate_core::app::{EndpointChange, Release};
use fluxgate_core::json::nullable;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{
    Breaker, CallbackUrl, DisabledReason, Endpoint, EventType, Ordering, Payload, RecoveryScope,
    SignatureSchemes, SigningKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What an endpoint is to be. What is left out keeps its default, or stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndpointRequest)]
pub(crate) struct EndpointRequest {
    /// `push`, which is the default, or `pull`: of a new endpoint. Events of one of kind `pull` are
    /// read with GET /v1/events.
    kind: Option<Kind>,
    /// Absolute, https. Required for a new endpoint of kind `push`.
    #[schema(format = "uri")]
    url: Option<String>,
    /// A line of at most 256 characters.
    #[schema(max_length = 256)]
    description: Option<String>,
    /// At most 16 names, 512 bytes in all.
    metadata: Option<BTreeMap<String, String>>,
    /// See the catalogue of events; an empty list means all but `task.started`.
    #[schema(value_type = Option<Vec<EventType>>)]
    event_types: Option<Vec<String>>,
    filter: Option<FilterRequest>,
    /// Headers to send along, as an API key of the receiver. They are shown to nobody again; `null`
    /// removes one.
    headers: Option<BTreeMap<String, Option<String>>>,
    /// `full` or `thin`.
    payload: Option<Payload>,
    /// `none` or `fifo`.
    ordering: Option<Ordering>,
    /// `v1`, `v1a` or `v1,v1a`.
    signatures: Option<SignatureSchemes>,
    /// Callbacks a second; `null` for no limit.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    rate_per_second: Option<Option<u32>>,
    /// Callbacks under way at once; `null` for the installation's.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100)]
    concurrency: Option<Option<u32>>,
    enabled: Option<bool>,
    /// Which held deliveries are sent when it is enabled: `all`, which is the default, `none`, or
    /// those of events since a time.
    #[schema(pattern = "^(all|none|[0-9]{4}-[0-9]{2}-[0-9]{2}T.*)$")]
    release: Option<String>,
    /// A secret of your own for a new endpoint, `whsec_` and the base64 of 24 to 64 bytes.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{32,88}={0,2}$")]
    secret: Option<String>,
}

impl EndpointRequest {
    /// The fields that are to be set, for the audit log: of a URL its origin, of headers the names.
    pub(crate) fn told(&self) -> Value {
        let origin = |url: &String| Some(CallbackUrl::parse(url).ok()?.without_path());
        let all = json!({
            "url": self.url.as_ref().and_then(origin), "description": self.description,
            "metadata": self.metadata, "event_types": self.event_types,
            "headers": self.headers.as_ref().map(|headers| headers.keys().collect::<Vec<_>>()),
            "payload": self.payload, "ordering": self.ordering, "signatures": self.signatures,
            "rate_per_second": self.rate_per_second.flatten(),
            "concurrency": self.concurrency.flatten(), "enabled": self.enabled,
        });
        let fields = all.as_object().into_iter().flatten();
        let given = fields.filter(|(_, value)| !value.is_null());
        Value::Object(
            given
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }
}

/// How events reach whoever has the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EndpointKind)]
pub(crate) enum Kind {
    Push,
    Pull,
}

/// Of which tasks an endpoint is told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterRequest {
    /// Empty means all.
    models: Option<Vec<String>>,
    /// The task's metadata must include these.
    metadata: Option<BTreeMap<String, String>>,
}

impl EndpointRequest {
    /// The change, and the secret for a new endpoint.
    pub(crate) fn parts(self) -> Result<(EndpointChange, Option<Secret>), Error> {
        let secret = self.secret.map(Secret::new);
        let (filter_models, filter_metadata) = match self.filter {
            Some(filter) => (filter.models, filter.metadata),
            None => (None, None),
        };
        if self.release.is_some() && self.enabled != Some(true) {
            let text = "'release' goes with '\"enabled\": true' of a disabled endpoint; POST …/recover sends what an enabled one missed";
            return Err(Error::invalid("invalid_parameter", text).field("release"));
        }
        let headers = self.headers.unwrap_or_default();
        let change = EndpointChange {
            pull: self.kind.map(|kind| kind == Kind::Pull),
            url: self.url,
            description: self.description,
            metadata: self.metadata,
            event_types: self.event_types,
            filter_models,
            filter_metadata,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name, value.map(Secret::new)))
                .collect(),
            payload: self.payload,
            ordering: self.ordering,
            signatures: self.signatures,
            rate_per_second: self.rate_per_second,
            concurrency: self.concurrency,
            enabled: self.enabled,
            release: release(self.release.as_deref())?,
        };
        Ok((change, secret))
    }
}

fn release(text: Option<&str>) -> Result<Release, Error> {
    match text {
        None | Some("all") => Ok(Release::All),
        Some("none") => Ok(Release::None),
        Some(text) => Timestamp::from_rfc3339(text)
            .map(Release::Since)
            .ok_or_else(|| {
                let text = "'release' is 'all', 'none' or a time like 2026-01-31T12:00:00Z";
                Error::invalid("invalid_parameter", text).field("release")
            }),
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(crate) struct EndpointView {
    id: String,
    kind: Kind,
    /// Of one of kind `push`.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// When one of kind `pull` is gone unless it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    description: String,
    metadata: BTreeMap<String, String>,
    /// Empty means all but `task.started`.
    event_types: Vec<EventType>,
    filter: FilterView,
    /// The names alone.
    headers: Vec<String>,
    payload: Payload,
    ordering: Ordering,
    signatures: SignatureSchemes,
    rate_per_second: Option<u32>,
    concurrency: Option<u32>,
    enabled: bool,
    /// Why Fluxgate disabled it, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<DisabledView>,
    health: HealthView,
    /// The last sending of what it missed, under way or over.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<RecoveryView>,
    /// When each secret that signs now stops signing, newest first.
    secrets: Vec<SecretView>,
    /// The keys that sign now by `v1a`, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signing_keys: Vec<SigningKeyView>,
    /// Where they are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// `whsec_…`, shown once, when it is made: give it to your Standard Webhooks verifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl EndpointView {
    /// For others than its tenant: without the path and the query of its URL.
    pub(crate) fn masked(self, endpoint: &Endpoint) -> Self {
        Self {
            url: endpoint.url().map(CallbackUrl::without_path),
            ..self
        }
    }

    /// With the secret that was made just now.
    pub(crate) fn with_secret(self, secret: &Secret) -> Self {
        Self {
            secret: Some(secret.expose().to_owned()),
            ..self
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterView {
    models: Vec<String>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DisabledView {
    at: String,
    reason: DisabledReason,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndpointHealth)]
pub(crate) struct HealthView {
    /// `closed` lets every callback pass, `open` none for now, `half_open` one to see.
    breaker: Breaker,
    consecutive_failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    /// When the next callback is tried while the breaker is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryView {
    scope: RecoveryScope,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    started_at: String,
    /// Deliveries that are due again because of it.
    replayed: u64,
    /// It has come as far as the events of that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// `null` for the newest.
    expires_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeyView {
    kid: String,
    /// `null` for the newest.
    expires_at: Option<String>,
}

fn signing_keys(endpoint: &Endpoint, now: Timestamp) -> Vec<SigningKeyView> {
    let view = |key: &SigningKey| SigningKeyView {
        kid: key.kid.clone(),
        expires_at: key.expires_at.map(Timestamp::rfc3339),
    };
    endpoint.keys_at(now).map(view).collect()
}

/// The path of the published keys.
fn jwks(endpoint: &Endpoint) -> Option<String> {
    let path = || SigningKey::published_at(&endpoint.tenant, &endpoint.id);
    endpoint.signatures.has_v1a().then(path)
}

pub(crate) fn endpoint_view(endpoint: &Endpoint, now: Timestamp) -> EndpointView {
    let health = &endpoint.health;
    EndpointView {
        id: endpoint.id.to_string(),
        kind: endpoint.pull().map_or(Kind::Push, |_| Kind::Pull),
        url: endpoint.url().map(|url| url.url().to_string()),
        expires_at: endpoint.pull().map(|pull| pull.expires_at.rfc3339()),
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.to_map(),
        event_types: endpoint.event_types.clone(),
        filter: FilterView {
            models: endpoint
                .filter
                .models
                .iter()
                .map(ToString::to_string)
                .collect(),
            metadata: endpoint.filter.metadata.to_map(),
        },
        headers: endpoint.headers.keys().map(ToString::to_string).collect(),
        payload: endpoint.payload,
        ordering: endpoint.ordering,
        signatures: endpoint.signatures,
        rate_per_second: endpoint.rate_per_second,
        concurrency: endpoint.concurrency,
        enabled: endpoint.enabled,
        disabled: endpoint.disabled.map(|disabled| DisabledView {
            at: disabled.at.rfc3339(),
            reason: disabled.reason,
        }),
        health: HealthView {
            breaker: health.breaker(now),
            consecutive_failures: health.consecutive_failures,
            failing_since: health.failing_since.map(Timestamp::rfc3339),
            open_until: health.open_until.map(Timestamp::rfc3339),
        },
        recovery: endpoint.recovery.as_ref().map(|recovery| RecoveryView {
            scope: recovery.scope,
            since: recovery.since.map(Timestamp::rfc3339),
            started_at: recovery.started_at.rfc3339(),
            replayed: recovery.replayed,
            reached: recovery.after.as_ref().map(|cursor| cursor.at.rfc3339()),
            finished_at: recovery.finished_at.map(Timestamp::rfc3339),
        }),
        secrets: endpoint
            .secrets_at(now)
            .map(|secret| SecretView {
                expires_at: secret.expires_at.map(Timestamp::rfc3339),
            })
            .collect(),
        signing_keys: signing_keys(endpoint, now),
        jwks: jwks(endpoint),
        created_at: endpoint.created_at.rfc3339(),
        updated_at: endpoint.updated_at.map(Timestamp::rfc3339),
        secret: None,
    }
}
