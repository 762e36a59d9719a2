//! How an SDK error appears in the log: AWS's status and code if it answered, or else why there was
//! no response. Never AWS's message, which may repeat request data.

use std::error::Error as StdError;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// AWS's error code; empty if there was no response. All SDKs share the two types, so this works
/// for each of them.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> &str {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default()
}

/// One line, as the source of a [`fluxgate_core::Error`].
pub(crate) fn cause<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let Some(response) = error.raw_response() {
        return format!("status {} {}", response.status().as_u16(), code(error))
            .trim_end()
            .to_owned();
    }
    let mut text = error.to_string();
    let mut source = StdError::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
