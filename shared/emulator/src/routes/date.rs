//! The time that answers tell, which a fault sets wrong.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{DATE, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::provider::Provider;

pub(super) async fn tell(
    State(provider): State<Arc<Provider>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(false_date(&provider));
    response
}

/// The `Date` header if the clock is wrong; otherwise the server writes it.
fn false_date(provider: &Provider) -> Option<(HeaderName, HeaderValue)> {
    let now = Timestamp::now();
    let there = provider.by_its_clock(now);
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&there);
    let date = HeaderValue::try_from(date.ok()?).ok()?;
    (there != now).then_some((DATE, date))
}
