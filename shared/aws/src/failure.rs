//! What an SDK's error says for the log: AWS's status and code when it answered, else why there was
//! no answer. Never AWS's message, which may repeat what it was sent.

use std::error::Error as StdError;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// AWS's code, empty when there was no answer. All SDKs share the two types, whichever of them
/// names them.
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
