//! What STS's errors mean for the tenant. Messages name the role, never an ExternalId.

use std::error::Error as StdError;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use fluxgate_core::clock_skew::ClockSkew;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::tenant::AssumedRole;
use fluxgate_core::{Error, Fault};
use fluxgate_single_flight::Failed;

use super::RoleBounds;

/// STS does not say why it refuses. A malformed ARN is for the tenant to correct as well.
const DENIALS: [&str; 2] = ["AccessDenied", "ValidationError"];

pub(super) fn failed(
    error: &SdkError<AssumeRoleError>,
    role: &AssumedRole,
    bounds: RoleBounds,
) -> Failed {
    if let Some(skew) = skew(error) {
        return Failed {
            error: skew.error("AWS's").source(cause(error)),
            temporary: true,
            pause_ms: bounds.unavailable_pause_ms,
        };
    }
    if !DENIALS.contains(&code(error)) {
        return unavailable(role, cause(error), bounds);
    }
    let message = format!(
        "role '{}' cannot be assumed; check its ARN, that its trust policy names Fluxgate's roles (the stack's GatewayRoleArn, \
         ArchiverRoleArn and AdminRoleArn), \
         that the policy's sts:ExternalId is the one given to this tenant, and that Fluxgate may sts:AssumeRole it",
        role.arn
    );
    let denied = Error::unavailable("role_denied", message);
    Failed {
        error: denied.fault(Fault::Tenant).source(cause(error)),
        temporary: false,
        pause_ms: bounds.denied_pause_ms,
    }
}

pub(super) fn unreadable(role: &AssumedRole, bounds: RoleBounds) -> Failed {
    unavailable(role, "an answer without keys".to_owned(), bounds)
}

fn unavailable(role: &AssumedRole, cause: String, bounds: RoleBounds) -> Failed {
    let message = format!(
        "role '{}' could not be assumed because AWS STS did not answer; will retry",
        role.arn
    );
    Failed {
        error: Error::unavailable("role_unavailable", message).source(cause),
        temporary: true,
        pause_ms: bounds.unavailable_pause_ms,
    }
}

/// The clocks, if the call was signed at a time that STS does not accept.
fn skew(error: &SdkError<AssumeRoleError>) -> Option<ClockSkew> {
    if !["SignatureDoesNotMatch", "RequestExpired"].contains(&code(error)) {
        return None;
    }
    let date = error.raw_response()?.headers().get("date")?;
    let skew = ClockSkew::by_date(date, SystemClock.now());
    skew.filter(|skew| skew.is_refused())
}

/// AWS's error code; empty if there was no response.
fn code(error: &SdkError<AssumeRoleError>) -> &str {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default()
}

/// For the log: AWS's status and code, or why there was no response; never AWS's own message.
fn cause(error: &SdkError<AssumeRoleError>) -> String {
    if let Some(response) = error.raw_response() {
        let status = response.status().as_u16();
        return format!("status {status} {}", code(error))
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
