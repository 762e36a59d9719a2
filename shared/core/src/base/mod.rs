//! The building blocks of all other rooms.

pub mod bounds;
pub mod clock_skew;
pub mod counted;
pub(crate) mod csv;
pub mod day;
pub mod digest;
pub mod echo;
pub mod error;
pub mod error_code;
pub(crate) mod host_name;
pub mod id;
pub mod json;
pub mod labels;
pub mod metric;
pub mod nearest;
pub mod rate;
pub mod rate_lease;
pub mod retry;
pub mod seal;
pub mod secret;
pub mod series;
pub mod time;
pub mod trace_context;
pub mod unprintable;
pub(crate) mod url_text;
