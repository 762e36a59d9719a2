//! DynamoDB's errors as core errors.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use fluxgate_core::Error;

use crate::clock::clock_skewed;
use crate::failure::{cause, code};

/// The error of a failed call. `action` is the IAM action of the call, so that a missing permission
/// can be named. A table, a permission or keys that are missing may be put right while the function
/// runs: the same call is worth another try.
pub(super) fn table_error<E>(table: &str, action: &str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let Some(skewed) = clock_skewed(error) {
        return skewed;
    }
    let failed = match code(error) {
        "ResourceNotFoundException" => Error::unavailable(
            "table_missing",
            format!(
                "there is no table '{table}' in this account and region, or it is not ACTIVE yet, as while it is restored; \
                 wait until it is, deploy the stack or correct the table's name"
            ),
        ),
        "AccessDeniedException" => Error::unavailable(
            "table_forbidden",
            format!(
                "this function may not use the table '{table}'; allow its role dynamodb:{action}"
            ),
        ),
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            Error::unavailable(
                "table_credentials",
                format!(
                    "the table '{table}' does not know these credentials; check them and their region"
                ),
            )
        }
        "ValidationException" => Error::internal(
            "table_refused",
            format!("the table '{table}' refused a {action} as malformed"),
        ),
        _ => Error::unavailable(
            "table_unavailable",
            format!("the table '{table}' does not answer; try again"),
        ),
    };
    failed.source(cause(error))
}

/// Others are writing the same item, or the table is throttled; nothing was written, and the same
/// call may succeed soon.
pub(super) fn is_contention(code: &str) -> bool {
    matches!(
        code,
        "TransactionConflictException"
            | "TransactionInProgressException"
            | "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            // The reasons of a cancelled transaction have different names.
            | "TransactionConflict"
            | "ThrottlingError"
            | "ProvisionedThroughputExceeded"
    )
}

/// Lost to other writers for as long as retrying makes sense.
pub(super) fn contention() -> Error {
    Error::unavailable(
        "contention",
        "too many changes at once to the same account or task; try again",
    )
}
