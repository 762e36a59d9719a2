//! The domain types and their rules.

pub mod admin;
pub mod batch;
pub mod fair_queue;
pub mod media;
pub mod metering;
pub mod money;
pub mod provider;
pub mod task;
pub mod tenant;
pub mod webhook;
