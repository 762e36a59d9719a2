//! Events, where they go, and how they are signed.

mod body;
mod callback_url;
mod delivery;
mod endpoint;
mod event;
mod inbox;
mod notice;
mod signature;

pub use body::{bare_body, notice_body, task_body, thin_task_body};
pub use callback_url::CallbackUrl;
pub use delivery::{
    ATTEMPTS_KEPT, Attempt, Delivery, DeliveryCursor, DeliveryPage, DeliveryQuery, DeliverySignal,
    DeliveryState, EXCERPT_BYTES_MAX, ErrorClass, Next, Rejected, Target, transition,
};
pub use endpoint::{
    Breaker, Disabled, DisabledReason, Endpoint, EndpointKind, EventFilter, HEADERS_MAX,
    HeaderName, Health, Ordering, PULL_ENDPOINTS_MAX, Payload, Pull, Recovery, RecoveryScope,
    SECRETS_MAX, SignatureSchemes, SigningKey, SigningSecret, too_many_endpoints,
    too_many_pull_endpoints,
};
pub use event::EventType;
pub use inbox::{AHEAD_MAX, InboxCursor, Stretch};
pub use notice::{DELIVERIES_MAX, Notice};
pub use signature::{CapabilityKeys, KeyForm, OutputLink, SignedHeaders, standard, v3};
