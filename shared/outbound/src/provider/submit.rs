//! The one POST that costs money. It is sent at most once (see [`super::wire`]).

use std::time::Duration;

use fluxgate_core::port::{AccountCheck, PutOff, SubmitAnswer, SubmitCall};
use url::form_urlencoded;

use super::account;
use super::envelope::{Answer, Refusal};
use super::exchange::Exchange;
use super::sorting::{sort_answer, sort_failure, sort_forbidden};
use super::way_in_missing;
use crate::retry_after::retry_after_ms;

pub(super) async fn submit(exchange: &Exchange, call: SubmitCall<'_>) -> SubmitAnswer {
    let begun = match exchange.begin_post(&path_and_query(&call)).await {
        Ok(begun) => begun,
        // Nothing was sent.
        Err(error) => {
            way_in_missing(&error.with_causes());
            return SubmitAnswer::Deferred {
                reason: PutOff::Account,
                after_ms: None,
            };
        }
    };
    let begun = begun
        .traced(call.trace)
        .json(call.inputs.to_owned())
        .within(Duration::from_millis(call.timeout_ms));
    let response = match exchange.send(begun).await {
        Ok(response) => response,
        Err(error) => return sort_failure(&error),
    };
    let after_ms = retry_after_ms(response.headers());
    match exchange.answer(response).await {
        // About the account, or only about this model: an account that can read its balance is
        // good.
        Answer::Status(refusal @ Refusal { status: 403, .. }) => {
            let account = account::check(exchange).await;
            sort_forbidden(
                &refusal,
                matches!(account, AccountCheck::Good { .. }),
                after_ms,
                &call,
            )
        }
        answer => sort_answer(answer, after_ms, &call),
    }
}

fn path_and_query(call: &SubmitCall<'_>) -> String {
    let path = format!("/api/v3/{}", call.model);
    let Some(webhook) = call.webhook else {
        return path;
    };
    let encoded: String = form_urlencoded::byte_serialize(webhook.as_bytes()).collect();
    format!("{path}?webhook={encoded}")
}
