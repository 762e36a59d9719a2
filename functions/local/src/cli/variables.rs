//! The variables of commands. They are read here and not by the parser, so that what is written
//! on the command line can be told from what the shell has set.

pub(super) const ADMIN_TOKEN: &str = "FLUXGATE_ADMIN_TOKEN";
pub(super) const ADMIN_URL: &str = "FLUXGATE_ADMIN_URL";
pub(super) const CONFIG: &str = "FLUXGATE_CONFIG";
pub(super) const DATA: &str = "FLUXGATE_DATA";
pub(super) const ENDPOINT_SECRET: &str = "FLUXGATE_ENDPOINT_SECRET";
pub(super) const TOKEN: &str = "FLUXGATE_TOKEN";
pub(super) const URL: &str = "FLUXGATE_URL";

/// What a variable says, unless it is empty.
pub(super) fn variable(name: &str) -> Option<String> {
    let text = std::env::var(name).ok()?;
    (!text.trim().is_empty()).then_some(text)
}
