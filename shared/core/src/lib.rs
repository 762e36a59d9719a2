//! The nouns, the state machine, the money, the signatures, the ports and the use cases of Fluxgate.
//!
//! No IO, no clock, no environment and no randomness live here: everything of that kind comes in through a [`port`].

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and its line says where"))]

pub mod audit;
pub mod bounds;
pub mod callback;
pub mod catalogue;
pub mod charge;
mod counted;
pub mod day;
pub mod delivery;
pub mod digest;
mod echo;
pub mod endpoint;
pub mod error;
pub mod flow;
pub mod id;
pub mod job;
pub mod json;
pub mod limits;
pub mod line;
pub mod links;
pub mod media;
pub mod metric;
pub mod money;
pub mod port;
pub mod prediction;
pub mod price_list;
pub mod principal;
pub mod reconcile;
pub mod retry;
pub mod rsa_key;
pub mod signature;
pub mod task;
pub mod tenant;
pub mod time;
pub mod upstream;
pub mod usage;

pub use counted::{Counted, counted};
pub use echo::echo;
pub use error::{Error, Fault, Kind, Result, Retry};
