//! HTTP: routers from which the OpenAPI document is generated, tokens to principals, errors to status codes.

mod accept;
mod admin;
pub mod auth;
mod bearer;
mod body;
mod documented;
mod error_reply;
mod native;
mod outputs;
mod receiver;
mod router;
mod state;
mod throttle;
mod vendor;

pub use router::{admin_router, admin_router_with_token, api_router, receiver_router};
pub use state::{Edge, Health};
pub use throttle::Throttle;
