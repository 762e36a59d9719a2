//! What Secrets Manager's errors mean for the operator. Messages name the secret and the
//! permission, never a value.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use fluxgate_core::{Error, Kind};
use fluxgate_single_flight::Failed;

use super::{SecretBounds, SecretName};
use crate::clock::clock_skewed;
use crate::failure::{cause, code};

pub(super) fn failed(
    error: &SdkError<GetSecretValueError>,
    name: &SecretName,
    bounds: SecretBounds,
) -> Failed {
    if let Some(error) = clock_skewed(error) {
        return Failed {
            error,
            temporary: true,
            pause_ms: bounds.failed_pause_ms,
        };
    }
    let (what, temporary) = match code(error) {
        "ResourceNotFoundException" | "InvalidRequestException" => (missing(name), false),
        "AccessDeniedException" | "DecryptionFailure" => (denied(name), false),
        _ => (unavailable(name), true),
    };
    let (code, message) = what;
    Failed {
        error: Error::unavailable(code, message).source(cause(error)),
        temporary,
        pause_ms: bounds.failed_pause_ms,
    }
}

/// For a write over the version that was read.
pub(super) fn not_written(error: &SdkError<PutSecretValueError>, name: &SecretName) -> Error {
    if let Some(skewed) = clock_skewed(error) {
        return skewed;
    }
    let because = cause(error);
    match code(error) {
        "ResourceExistsException" => {
            let text = format!("secret '{name}' was changed by somebody else; read it again");
            Error::new(Kind::Conflict, "secret_changed", text).source(because)
        }
        "ResourceNotFoundException" | "InvalidRequestException" => {
            let (code, text) = missing(name);
            Error::unavailable(code, text).source(because)
        }
        "AccessDeniedException" | "EncryptionFailure" => {
            let text = format!(
                "secret '{name}' may not be written; allow this function secretsmanager:PutSecretValue on it, and \
                 kms:GenerateDataKey and kms:Decrypt on its key if that is one of your own"
            );
            Error::unavailable("secret_denied", text).source(because)
        }
        _ => {
            let text = format!(
                "secret '{name}' could not be written because Secrets Manager did not answer; try again"
            );
            Error::unavailable("secret_unavailable", text).source(because)
        }
    }
}

pub(super) fn empty(name: &SecretName, bounds: SecretBounds) -> Failed {
    let message = format!("secret '{name}' holds no text; put the value there as plain text");
    Failed {
        error: Error::unavailable("secret_empty", message).source("an empty or binary value"),
        temporary: false,
        pause_ms: bounds.failed_pause_ms,
    }
}

fn missing(name: &SecretName) -> (&'static str, String) {
    let text = format!(
        "secret '{name}' does not exist in this account and region, has no value yet or is being deleted; create it, or correct its name"
    );
    ("secret_missing", text)
}

fn denied(name: &SecretName) -> (&'static str, String) {
    let text = format!(
        "secret '{name}' may not be read; allow this function secretsmanager:GetSecretValue on it, and kms:Decrypt on its key if \
         that is one of your own"
    );
    ("secret_denied", text)
}

fn unavailable(name: &SecretName) -> (&'static str, String) {
    (
        "secret_unavailable",
        format!(
            "secret '{name}' could not be read because Secrets Manager did not answer; will retry"
        ),
    )
}
