//! What Secrets Manager's errors mean for the operator. Texts name the secret and the permission,
//! never a value.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use fluxgate_core::Fault;

use super::{SecretBounds, SecretName};
use crate::failure::{cause, code};
use crate::kept::Failed;

pub(super) fn failed(
    error: &SdkError<GetSecretValueError>,
    name: &SecretName,
    bounds: SecretBounds,
) -> Failed {
    let (what, temporary) = match code(error) {
        "ResourceNotFoundException" | "InvalidRequestException" => (missing(name), false),
        "AccessDeniedException" | "DecryptionFailure" => (denied(name), false),
        _ => (unavailable(name), true),
    };
    let (code, message) = what;
    Failed {
        code,
        message,
        cause: cause(error),
        temporary,
        fault: Fault::Ours,
        pause_ms: bounds.failed_pause_ms,
    }
}

pub(super) fn empty(name: &SecretName, bounds: SecretBounds) -> Failed {
    let message = format!("secret '{name}' holds no text; put the value there as plain text");
    let cause = "an empty or binary value".to_owned();
    Failed {
        code: "secret_empty",
        message,
        cause,
        temporary: false,
        fault: Fault::Ours,
        pause_ms: bounds.failed_pause_ms,
    }
}

fn missing(name: &SecretName) -> (&'static str, String) {
    let text = format!(
        "secret '{name}' does not exist here, has no value yet or is being deleted; create it, or correct its name"
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
            "secret '{name}' could not be read, since Secrets Manager did not answer; it is tried again"
        ),
    )
}
