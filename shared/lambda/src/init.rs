//! Why a function could not start, as one line for its log.

use std::fmt;

/// Returned by a `main`: the runtime prints it with `Debug`, which is that one line.
pub struct InitError(String);

impl InitError {
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the function cannot start: {}", self.0)
    }
}

impl From<fluxgate_core::Error> for InitError {
    fn from(error: fluxgate_core::Error) -> Self {
        Self(error.with_causes())
    }
}

/// The runtime itself failed.
impl From<lambda_runtime::Error> for InitError {
    fn from(error: lambda_runtime::Error) -> Self {
        Self(error.to_string())
    }
}
