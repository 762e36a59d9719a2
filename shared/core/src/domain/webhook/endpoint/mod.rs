//! Where a tenant wants its events.

mod filter;
mod headers;
mod health;
mod keys;
mod pull;
mod recovery;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use filter::EventFilter;
pub use headers::{HEADERS_MAX, HeaderName};
pub use health::{Breaker, Health};
pub use keys::{SECRETS_MAX, SigningKey, SigningSecret};
pub use pull::{EndpointKind, PULL_ENDPOINTS_MAX, Pull};
pub use recovery::{Recovery, RecoveryScope};

use super::{CallbackUrl, Delivery, DeliveryState, EventType, Target};
use crate::base::error::{Error, Kind};
use crate::base::id::{EndpointId, TenantId};
use crate::base::labels::Labels;
use crate::base::seal::Sealed;
use crate::base::time::Timestamp;

/// A registered receiver of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    pub tenant: TenantId,
    pub id: EndpointId,
    /// Counts the writes; a record is only written over the version it was made from.
    #[serde(default)]
    pub version: u64,
    /// Stored as `url` or `pull`.
    #[serde(flatten)]
    pub kind: EndpointKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub metadata: Labels,
    /// Newest first; every one that has not expired signs, so that a receiver can rotate at
    /// leisure.
    pub secrets: Vec<SigningSecret>,
    /// The Ed25519 key, newest first, of an endpoint that signs by `v1a`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<SigningKey>,
    #[serde(default, skip_serializing_if = "SignatureSchemes::is_default")]
    pub signatures: SignatureSchemes,
    /// Empty means all but `task.started`.
    pub event_types: Vec<EventType>,
    #[serde(default, skip_serializing_if = "EventFilter::is_empty")]
    pub filter: EventFilter,
    /// Sent with every callback; the values are shown to nobody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, Sealed>,
    #[serde(default, skip_serializing_if = "Payload::is_default")]
    pub payload: Payload,
    #[serde(default, skip_serializing_if = "Ordering::is_default")]
    pub ordering: Ordering,
    /// Callbacks a second, at most, and under way at once. `None` means the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    pub enabled: bool,
    /// Why it is not enabled, unless its tenant disabled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    #[serde(default, skip_serializing_if = "Health::is_good")]
    pub health: Health,
    /// The last sending of what it missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// How callbacks are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub enum SignatureSchemes {
    /// HMAC-SHA256 by the endpoint's secrets.
    #[default]
    #[serde(rename = "v1")]
    V1,
    /// Ed25519 by the endpoint's key, whose public half is published.
    #[serde(rename = "v1a")]
    V1a,
    /// Both.
    #[serde(rename = "v1,v1a")]
    Both,
}

impl SignatureSchemes {
    pub fn has_v1(self) -> bool {
        self != Self::V1a
    }

    pub fn has_v1a(self) -> bool {
        self != Self::V1
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the body's `data` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The whole of what the event is about.
    #[default]
    Full,
    /// Its id, and the link that reads it.
    Thin,
}

impl Payload {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// In which order the events of one task go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// Each on its own: a retry waits for no other.
    #[default]
    None,
    /// A later event of a task waits until the earlier is delivered, exhausted or cancelled.
    Fifo,
}

impl Ordering {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// When and why Fluxgate disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    pub at: Timestamp,
    pub reason: DisabledReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410.
    Gone,
    /// It failed for days, and nothing was delivered meanwhile.
    Failing,
}

impl DisabledReason {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// A tenant that has as many as it may have.
pub fn too_many_endpoints(endpoints_max: usize) -> Error {
    let text = format!("there are {endpoints_max} endpoints already; delete one first");
    Error::new(Kind::Conflict, "too_many_endpoints", text)
}

/// The same of those that are read.
pub fn too_many_pull_endpoints() -> Error {
    let text = format!(
        "there are {PULL_ENDPOINTS_MAX} pull endpoints already; delete one, or wait until one that nobody reads expires"
    );
    Error::new(Kind::Conflict, "too_many_pull_endpoints", text)
}

impl Endpoint {
    /// An endpoint that is told everything, in full, in any order.
    pub fn new(
        tenant: TenantId,
        id: EndpointId,
        kind: EndpointKind,
        secret: SigningSecret,
        now: Timestamp,
    ) -> Self {
        Self {
            tenant,
            id,
            version: 1,
            kind,
            description: String::new(),
            metadata: Labels::default(),
            secrets: vec![secret],
            signing_keys: Vec::new(),
            signatures: SignatureSchemes::default(),
            event_types: Vec::new(),
            filter: EventFilter::default(),
            headers: BTreeMap::new(),
            payload: Payload::default(),
            ordering: Ordering::default(),
            rate_per_second: None,
            concurrency: None,
            enabled: true,
            disabled: None,
            health: Health::default(),
            recovery: None,
            created_at: now,
            updated_at: None,
        }
    }

    /// Where events are POSTed to; `None` where they are read.
    pub fn url(&self) -> Option<&CallbackUrl> {
        match &self.kind {
            EndpointKind::Push { url } => Some(url),
            EndpointKind::Pull { .. } => None,
        }
    }

    /// How far its inbox was read, if it has one.
    pub fn pull(&self) -> Option<&Pull> {
        match &self.kind {
            EndpointKind::Push { .. } => None,
            EndpointKind::Pull { pull } => Some(pull),
        }
    }

    /// True once nobody has read it for so long that it is gone.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.pull().is_some_and(|pull| pull.expires_at <= now)
    }

    /// A disabled endpoint's deliveries are held, not dropped.
    pub fn first_state(&self) -> DeliveryState {
        if self.enabled {
            DeliveryState::Pending
        } else {
            DeliveryState::Held
        }
    }

    /// It starts with a clean record. What a recovery has not come to stays held.
    pub fn enable(&mut self, now: Timestamp) {
        self.end_recovery(now);
        self.enabled = true;
        self.disabled = None;
        self.health = Health::default();
    }

    /// What it missed is to be sent, by the job of this recovery.
    pub fn begin_recovery(
        &mut self,
        scope: RecoveryScope,
        since: Option<Timestamp>,
        now: Timestamp,
    ) {
        let last = self.recovery.as_ref().map_or(0, |last| last.number);
        self.recovery = Some(Recovery {
            number: last.saturating_add(1),
            scope,
            since,
            started_at: now,
            after: None,
            replayed: 0,
            finished_at: None,
        });
    }

    /// Nothing is sent to it until it is enabled again.
    pub fn disable(&mut self, reason: DisabledReason, at: Timestamp) {
        self.stop(at);
        self.disabled = Some(Disabled { at, reason });
    }

    /// As [`Self::disable`], by its tenant.
    pub fn stop(&mut self, now: Timestamp) {
        self.end_recovery(now);
        self.enabled = false;
    }

    fn end_recovery(&mut self, now: Timestamp) {
        if let Some(recovery) = self.recovery.as_mut() {
            recovery.finished_at.get_or_insert(now);
        }
    }

    /// True when it is to be told of an event of this type, whatever the event is about.
    pub fn wants(&self, event: EventType, now: Timestamp) -> bool {
        event.is_among(&self.event_types) && !self.is_expired(now)
    }

    /// The delivery as it begins at this endpoint.
    #[must_use]
    pub fn addressed(&self, delivery: Delivery) -> Delivery {
        Delivery {
            state: self.first_state(),
            pull: self.pull().is_some(),
            ..delivery
        }
    }

    pub fn target(&self) -> Target {
        Target::Endpoint(self.id.clone())
    }

    /// The secrets that sign at this moment, newest first.
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let signs = self.signatures.has_v1();
        self.secrets
            .iter()
            .filter(move |secret| signs && secret.is_valid(now))
    }

    /// The keys that sign at this moment, newest first.
    pub fn keys_at(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let signs = self.signatures.has_v1a();
        self.signing_keys
            .iter()
            .filter(move |key| signs && key.is_valid(now))
    }
}
