//! What STS's errors mean for the tenant. Texts name the role, never an ExternalId.

use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use fluxgate_core::Fault;
use fluxgate_core::tenant::AssumedRole;

use super::RoleBounds;
use crate::failure::{cause, code};
use crate::kept::Failed;

/// STS does not say why it refuses, and a malformed ARN is the tenant's to correct as well.
const DENIALS: [&str; 2] = ["AccessDenied", "ValidationError"];

/// The code of a role that STS refuses to hand out.
pub(super) const DENIED: &str = "role_denied";

pub(super) fn failed(
    error: &SdkError<AssumeRoleError>,
    role: &AssumedRole,
    bounds: RoleBounds,
) -> Failed {
    if !DENIALS.contains(&code(error)) {
        return unavailable(role, cause(error), bounds);
    }
    let message = format!(
        "role '{}' cannot be assumed; check its ARN, that its trust policy names Fluxgate's account, that the policy's \
         sts:ExternalId is the one given to this tenant, and that Fluxgate may sts:AssumeRole it",
        role.arn
    );
    Failed {
        code: DENIED,
        message,
        cause: cause(error),
        temporary: false,
        fault: Fault::Tenant,
        pause_ms: bounds.denied_pause_ms,
    }
}

pub(super) fn unreadable(role: &AssumedRole, bounds: RoleBounds) -> Failed {
    unavailable(role, "an answer without keys".to_owned(), bounds)
}

fn unavailable(role: &AssumedRole, cause: String, bounds: RoleBounds) -> Failed {
    let message = format!(
        "role '{}' could not be assumed, since AWS STS did not answer; it is tried again",
        role.arn
    );
    let pause_ms = bounds.unavailable_pause_ms;
    Failed {
        code: "role_unavailable",
        message,
        cause,
        temporary: true,
        fault: Fault::Ours,
        pause_ms,
    }
}
