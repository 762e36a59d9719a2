//! HTTP: routers that generate the OpenAPI document, tokens to principals, errors to status codes.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod accept;
mod admin;
pub mod auth;
mod bearer;
mod body;
mod body_form;
mod coding;
mod documented;
mod error_reply;
mod event_streams;
mod header;
mod hung_up;
mod in_flight;
mod metadata;
mod openapi;
mod origin;
mod outputs;
mod path;
mod query;
mod rate_headers;
mod reads;
mod receiver;
mod request_line;
mod router;
mod standing;
mod state;
mod submission;
mod throttle;
mod to_the_end;
mod trace;
mod v1;
mod waiting;
mod wavespeed;

pub use admin::{authenticated as authenticated_operator, with_scope as with_admin_scope};
pub use error_reply::{ErrorCauses, refusal};
pub use event_streams::EventStreams;
pub use hung_up::HungUp;
pub use in_flight::BytesInFlight;
pub use origin::ORIGIN_SECRET;
pub use reads::Reads;
pub use request_line::XrayTrace;
pub use router::{admin_router, admin_router_with_token, api_router, receiver_router};
pub use state::{Edge, EdgeRoles, Health, OperatorEdge, OperatorRoles, ReceiverEdge, Setup};
pub use throttle::Throttle;
pub use waiting::{Deadline, Held};
pub use wavespeed::BillPages;
