//! Who may call the admin API, and for what.

mod caller;
mod scope;
mod token;
mod tokens;

pub use caller::{AdminCaller, CallerScopes};
pub use scope::AdminScope;
pub use token::{AdminToken, NewAdminToken};
pub use tokens::{AdminTokens, Holder};
