//! Lambda, played by a server that speaks its runtime API: the function binaries run as they are
//! deployed, woken by the events that the platform would send.

mod event_source;
mod function;
mod function_url;
mod runtime_api;
pub mod signature;

pub use event_source::{EventSource, Mapping, Polled};
pub use function::Function;
pub use function_url::{AuthType, CALLER, FunctionUrl};
