//! Fluxgate's domain types, state machine, money, signatures, ports and use cases, in four rooms:
//! each may use those before it, but none after it.
//!
//! No IO, clock, environment or randomness here: all of that comes in through a [`port`].

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        reason = "a test that cannot go on panics, and its line says where"
    )
)]

pub mod app;
pub mod base;
pub mod domain;
pub mod port;

pub use base::counted::{Counted, counted};
pub use base::echo::echo;
pub use base::error::{Error, Fault, Kind, Reason, Result, Retry};
pub use base::{
    bounds, clock_skew, day, digest, error, error_code, id, json, labels, metric, nearest, rate,
    rate_lease, retry, seal, secret, series, time, trace_context, unprintable,
};
pub use domain::{
    admin, batch, fair_queue, media, metering, money, provider, task, tenant, webhook,
};
