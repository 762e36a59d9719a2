//! Why an output was not fetched, without its URL, classified by what to do next.

use std::error::Error as StdError;

use fluxgate_core::port::{FetchFailure, FetchFailureSort as Sort};
use fluxgate_core::{Error, Kind};
use reqwest::StatusCode;

use crate::failure::describe;
use crate::guard::refusal;

/// There was no response, or no readable one.
pub(super) fn failed(error: &(dyn StdError + 'static)) -> FetchFailure {
    refusal(error).map_or_else(
        || {
            unavailable(
                Sort::Unavailable,
                &format!("cannot be fetched: its server {}", describe(error)),
            )
        },
        forbidden,
    )
}

/// A response that is neither the output nor a redirect. A client error is permanent, unless it
/// depends on timing.
pub(super) fn refused(status: StatusCode) -> FetchFailure {
    let number = status.as_u16();
    let too_soon = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status);
    if status.is_client_error() && !too_soon {
        let text = format!("the link to the output is dead: its server answered {number}");
        return FetchFailure::new(Sort::Gone, Error::unavailable("output_gone", text));
    }
    if [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT].contains(&status) {
        return empty();
    }
    unavailable(
        Sort::Unavailable,
        &format!("cannot be fetched: its server answered {number}"),
    )
}

pub(super) fn forbidden(error: Error) -> FetchFailure {
    FetchFailure::new(Sort::Forbidden, error)
}

pub(super) fn unusable(what: &str) -> FetchFailure {
    unavailable(Sort::Unusable, what)
}

pub(super) fn broken_off() -> FetchFailure {
    unavailable(Sort::Unavailable, "ended before its announced length")
}

pub(super) fn empty() -> FetchFailure {
    FetchFailure::new(
        Sort::Empty,
        Error::unavailable("output_empty", "the output has no bytes"),
    )
}

pub(super) fn too_large(bytes_max: u64) -> FetchFailure {
    let text = format!(
        "the output is over {bytes_max} bytes, the bound 'output_bytes_max' of this service"
    );
    FetchFailure::new(
        Sort::TooLarge,
        Error::new(Kind::TooLarge, "output_too_large", text),
    )
}

pub(super) fn not_as_promised() -> FetchFailure {
    let text = "the output is text instead of the promised file";
    FetchFailure::new(
        Sort::NotAsPromised,
        Error::unavailable("output_not_media", text),
    )
}

pub(super) fn no_room() -> FetchFailure {
    let text = "this process holds as many bytes of outputs as it may; the copy comes again soon";
    FetchFailure::new(Sort::Busy, Error::unavailable("copies_busy", text))
}

pub(super) fn spool_failed(error: std::io::Error) -> FetchFailure {
    let text =
        "cannot write an output to a temporary file; free some space in the temporary directory";
    FetchFailure::new(
        Sort::Local,
        Error::internal("spool_failed", text).source(error),
    )
}

fn unavailable(sort: Sort, what: &str) -> FetchFailure {
    FetchFailure::new(
        sort,
        Error::unavailable("output_unavailable", format!("the output {what}")),
    )
}
