//! What is known after a submit. Everything that does not prove that the POST was not accepted is
//! ambiguous: calling it refused would give a paid run away, calling it deferred would pay for a
//! second one.

use fluxgate_core::port::{PutOff, SubmitAnswer, SubmitCall};
use fluxgate_core::provider::ProviderRun;
use fluxgate_core::task::Failure;

use super::envelope::{Answer, Refusal};
use super::exchange::told;
use super::{account_refused, forbidden, way_in_missing};
use crate::failure::{is_connect, is_timeout};
use crate::guard::SendError;

/// The provider's code for an invalid input, for refusals that carry none.
const INVALID_PARAMETER: u32 = 1401;
/// The provider's codes for failures caused by the inputs.
const INPUT_CODES: std::ops::Range<u32> = 1_000..2_000;

/// There was no response.
pub(super) fn sort_failure(error: &SendError) -> SubmitAnswer {
    if is_connect(error) {
        // DNS, TCP or TLS: hyper-util only reports `connect` before a request is given to a
        // connection.
        SubmitAnswer::Deferred {
            reason: PutOff::Unreachable,
            after_ms: None,
        }
    } else if is_timeout(error) {
        ambiguous("provider_timeout")
    } else {
        ambiguous("provider_connection_broken")
    }
}

pub(super) fn sort_answer(
    answer: Answer,
    after_ms: Option<u64>,
    call: &SubmitCall<'_>,
) -> SubmitAnswer {
    match answer {
        Answer::Data(data) => match ProviderRun::from_json(&data) {
            Ok(run) => SubmitAnswer::Accepted(run),
            Err(_) => ambiguous("provider_unreadable"),
        },
        Answer::Status(refusal) => sort_status(&refusal, after_ms, call),
        Answer::Odd { code } => ambiguous(&format!("provider_code_{code}")),
        Answer::Unreadable => ambiguous("provider_unreadable"),
    }
}

fn sort_status(refusal: &Refusal, after_ms: Option<u64>, call: &SubmitCall<'_>) -> SubmitAnswer {
    match refusal.status {
        300..=399 => {
            way_in_missing("the provider answers with a redirect");
            SubmitAnswer::Deferred {
                reason: PutOff::Account,
                after_ms: None,
            }
        }
        429 => SubmitAnswer::Deferred {
            reason: PutOff::Busy,
            after_ms,
        },
        401..=403 => {
            account_refused(refusal.status);
            SubmitAnswer::Deferred {
                reason: PutOff::Account,
                after_ms,
            }
        }
        400 | 404 | 405 | 410 | 411 | 413 | 414 | 415 | 422 | 431 | 451 => {
            SubmitAnswer::Refused(failure(refusal, call))
        }
        // 5xx, and statuses that an intermediary may send while the provider is still working: 408,
        // 409, 425, 499.
        status => ambiguous(&format!("provider_status_{status}")),
    }
}

/// A 403: if the account is good, it is about this model, or about these inputs if the provider's
/// own code says so.
pub(super) fn sort_forbidden(
    refusal: &Refusal,
    account_is_good: bool,
    after_ms: Option<u64>,
    call: &SubmitCall<'_>,
) -> SubmitAnswer {
    if !account_is_good {
        return sort_status(refusal, after_ms, call);
    }
    forbidden(call.model.as_str(), &without_webhook(told(refusal), call));
    if refusal.code.is_some_and(|code| INPUT_CODES.contains(&code)) {
        return SubmitAnswer::Refused(failure(refusal, call));
    }
    // The provider's message may contain details of the operator's plan or account.
    let text = format!(
        "the model's provider does not allow this service to run '{}'; choose another model, or ask the service's operator",
        call.model
    );
    SubmitAnswer::Refused(Failure::new(INVALID_PARAMETER, "model_forbidden", text))
}

fn failure(refusal: &Refusal, call: &SubmitCall<'_>) -> Failure {
    Failure::new(
        refusal.code.unwrap_or(INVALID_PARAMETER),
        "provider_refused",
        without_webhook(told(refusal), call),
    )
}

/// A refusal may quote the webhook URL, which ends in a capability that tenants must not learn.
fn without_webhook(text: String, call: &SubmitCall<'_>) -> String {
    let path = call
        .webhook
        .and_then(|webhook| webhook.split(['?', '#']).next());
    let capability = path.and_then(|path| path.rsplit('/').next());
    match capability {
        Some(capability) if !capability.is_empty() && text.contains(capability) => {
            "the provider refused the gateway's webhook URL; tell the gateway's operator".to_owned()
        }
        _ => text,
    }
}

fn ambiguous(reason: &str) -> SubmitAnswer {
    SubmitAnswer::Ambiguous {
        reason: reason.to_owned(),
    }
}
