//! What can be said after a submit. Whatever does not prove that the POST was not taken is ambiguous: calling it refused would
//! give a paid run away, calling it deferred would pay for a second one.

use fluxgate_core::port::{SubmitAnswer, SubmitCall};
use fluxgate_core::task::Failure;
use fluxgate_core::upstream::UpstreamRun;

use super::account_refused;
use super::envelope::{Answer, Refusal};
use super::exchange::told;

/// The vendor's number for an input that is not valid, for refusals that carry none.
const INVALID_PARAMETER: u32 = 1401;

/// No answer came.
pub(super) fn sort_failure(error: &reqwest::Error) -> SubmitAnswer {
    if error.is_connect() {
        // Look-up, TCP or TLS: hyper-util says `connect` only before a request is given to a connection.
        deferred("upstream_unreachable", None)
    } else if error.is_builder() {
        deferred("submit_not_built", None)
    } else if error.is_timeout() {
        ambiguous("upstream_timeout")
    } else {
        ambiguous("upstream_connection_broken")
    }
}

pub(super) fn sort_answer(answer: Answer, after_ms: Option<u64>, call: &SubmitCall<'_>) -> SubmitAnswer {
    match answer {
        Answer::Data(data) => match UpstreamRun::from_json(data) {
            Ok(run) => SubmitAnswer::Accepted(run),
            Err(_) => ambiguous("upstream_unreadable"),
        },
        Answer::Status(refusal) => sort_status(&refusal, after_ms, call),
        Answer::Odd { code } => ambiguous(&format!("upstream_code_{code}")),
        Answer::Unreadable => ambiguous("upstream_unreadable"),
    }
}

fn sort_status(refusal: &Refusal, after_ms: Option<u64>, call: &SubmitCall<'_>) -> SubmitAnswer {
    match refusal.status {
        300..=399 => deferred("upstream_redirected", None),
        429 => deferred("upstream_rate_limited", after_ms),
        401..=403 => {
            account_refused(refusal.status);
            deferred("upstream_account_refused", after_ms)
        }
        400 | 404 | 405 | 410 | 411 | 413 | 414 | 415 | 422 | 431 | 451 => {
            SubmitAnswer::Refused(failure(refusal, call))
        }
        // 5xx, and what may be said by something in between while the vendor works on: 408, 409, 425, 499.
        status => ambiguous(&format!("upstream_status_{status}")),
    }
}

fn failure(refusal: &Refusal, call: &SubmitCall<'_>) -> Failure {
    Failure::new(refusal.code.unwrap_or(INVALID_PARAMETER), "upstream_refused", without_webhook(told(refusal), call))
}

/// A refusal may quote the webhook URL, which ends in a capability that tenants must not learn.
fn without_webhook(text: String, call: &SubmitCall<'_>) -> String {
    let capability = call.webhook.and_then(|webhook| webhook.path_segments()?.next_back());
    match capability {
        Some(capability) if !capability.is_empty() && text.contains(capability) => {
            "the upstream refused the gateway's webhook URL; tell the gateway's operator".to_owned()
        }
        _ => text,
    }
}

fn deferred(reason: &str, after_ms: Option<u64>) -> SubmitAnswer {
    SubmitAnswer::Deferred { reason: reason.to_owned(), after_ms }
}

fn ambiguous(reason: &str) -> SubmitAnswer {
    SubmitAnswer::Ambiguous { reason: reason.to_owned() }
}
