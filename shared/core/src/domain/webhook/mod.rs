//! Events, where they go, and how they are signed.

mod body;
mod callback_url;
mod delivery;
mod endpoint;
mod event;
mod signature;

pub use body::{bare_body, standard_body};
pub use callback_url::CallbackUrl;
pub use delivery::{Attempt, Delivery, DeliveryState, Target};
pub use endpoint::{Endpoint, too_many_endpoints};
pub use event::EventType;
pub use signature::{CapabilityKey, OutputLink, SignedHeaders, standard, v3};
