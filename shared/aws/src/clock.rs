//! Whether AWS's clock and this machine's agree, by the `Date` of its answers. A client of the SDK
//! that was refused once signs by AWS's clock from then on; what this machine does by its own, such
//! as checking tokens, stays wrong until somebody sets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::{Intercept, context as at, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use fluxgate_core::Error;
use fluxgate_core::clock_skew::ClockSkew;
use fluxgate_core::port::{Clock as _, SystemClock};

use crate::failure::{cause, code};

const AWS_S: &str = "AWS's";

/// How services name a signature of another time; the first three may have other reasons.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const OF_ANOTHER_TIME: [&str; 5] = [
    "AccessDeniedException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "RequestExpired",
    "RequestTimeTooSkewed",
];

/// Writes one line when the clocks begin to differ, and one when they agree again. Clones share
/// what they know.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch {
    is_off: Arc<AtomicBool>,
}

impl ClockWatch {
    fn see(&self, skew: Option<ClockSkew>) {
        if self.is_off.swap(skew.is_some(), Ordering::Relaxed) == skew.is_some() {
            return;
        }
        match skew {
            Some(skew) => tracing::error!("{}", skew.told(AWS_S)),
            None => tracing::info!("the clock of this machine and AWS's agree again"),
        }
    }
}

#[dyn_dispatch_hint]
impl Intercept for ClockWatch {
    fn name(&self) -> &'static str {
        "ClockWatch"
    }

    fn read_before_deserialization(
        &self,
        context: &at::BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.see(skew_of(context.response()));
        Ok(())
    }
}

fn skew_of(response: &HttpResponse) -> Option<ClockSkew> {
    ClockSkew::by_date(response.headers().get("date")?, SystemClock.now())
}

/// The error of a call that was refused because of the clock.
pub(crate) fn clock_skewed<E>(error: &SdkError<E>) -> Option<Error>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if !OF_ANOTHER_TIME.contains(&code(error)) {
        return None;
    }
    let skew = error.raw_response().and_then(skew_of);
    let skew = skew.filter(|skew| skew.is_refused())?;
    Some(skew.error(AWS_S).source(cause(error)))
}
