//! HTTP: routers that generate the OpenAPI document, tokens to principals, errors to status codes.

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
mod operator_token;
mod outputs;
mod path;
mod query;
mod receiver;
mod router;
mod state;
mod submission;
mod throttle;
mod trace;
mod v1;
mod waiting;
mod wavespeed;

pub use event_streams::EventStreams;
pub use hung_up::HungUp;
pub use in_flight::BytesInFlight;
pub use operator_token::OperatorToken;
pub use router::{admin_router, admin_router_with_token, api_router, receiver_router};
pub use state::{Edge, Health, OperatorEdge, ReceiverEdge, Setup};
pub use throttle::Throttle;
pub use waiting::Deadline;
