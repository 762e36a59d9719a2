//! Why a function could not start, in one line for its log.

use std::fmt;

/// Returned by a `main`: the runtime prints it with `Debug`, so that is the one line.
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

/// The runtime itself ended.
impl From<lambda_runtime::Error> for InitError {
    fn from(error: lambda_runtime::Error) -> Self {
        Self(error.to_string())
    }
}
