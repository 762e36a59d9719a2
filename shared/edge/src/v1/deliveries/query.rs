//! What a list of deliveries is asked for by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::id::{EndpointId, TaskId};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{DeliveryCursor, DeliveryQuery, DeliveryState, EventType, Target};
use fluxgate_core::{Error, Result, echo};

use crate::query::Query;

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;
pub(crate) const NAMES: [&str; 8] = [
    "endpoint", "state", "event", "task", "from", "before", "cursor", "limit",
];
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described here")]
pub(crate) struct DeliveryParameters {
    /// An endpoint's id, or `task_callback`.
    #[param(pattern = "^(task_callback|[0-9a-f]{32})$")]
    endpoint: Option<String>,
    /// One or more, separated by commas: `pending`, `delivered`, `exhausted`, `held`, `cancelled`.
    #[param(
        pattern = "^(pending|delivered|exhausted|held|cancelled)(,(pending|delivered|exhausted|held|cancelled))*$"
    )]
    state: Option<String>,
    /// The type of the event.
    event: Option<EventType>,
    /// A task's id.
    #[param(pattern = "^[0-9a-f]{32}$")]
    task: Option<String>,
    /// Of events at that time or later, RFC 3339.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Of events before that time, RFC 3339.
    #[param(format = DateTime)]
    before: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// 50 unless it is given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Stands for the callback that was asked for with a submit.
const TASK_CALLBACK: &str = "task_callback";

/// Kind `Invalid`, naming the parameter.
pub(crate) fn parsed(query: &Query) -> Result<DeliveryQuery> {
    query.only(&NAMES)?;
    Ok(DeliveryQuery {
        target: query.parsed("endpoint", target)?,
        states: query.parsed("state", states)?.unwrap_or_default(),
        event: query.parsed("event", EventType::parse)?,
        task: query.parsed("task", TaskId::parse)?,
        from: query.parsed("from", moment)?,
        before: query.parsed("before", moment)?,
        oldest_first: false,
        consistent: false,
        after: query.parsed("cursor", cursor)?,
        limit: query.parsed("limit", limit)?.unwrap_or(LIMIT),
    })
}

fn target(text: &str) -> Result<Target> {
    if text == TASK_CALLBACK {
        return Ok(Target::TaskCallback);
    }
    EndpointId::parse(text).map(Target::Endpoint)
}

/// Several are separated by commas.
fn states(text: &str) -> Result<Vec<DeliveryState>> {
    let state = |text: &str| {
        let known = DeliveryState::ALL;
        known
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| {
                let known = known.map(DeliveryState::as_str).join(", ");
                bad(format!(
                    "'{}' is not a state; there are {known}; without 'state' all are listed",
                    echo(text)
                ))
            })
    };
    text.split(',').map(state).collect()
}

pub(super) fn moment(text: &str) -> Result<Timestamp> {
    Timestamp::from_rfc3339(text)
        .ok_or_else(|| bad("it is a time like 2026-01-31T12:00:00Z".to_owned()))
}

fn limit(text: &str) -> Result<usize> {
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| bad(format!("'limit' is a number from 1 to {LIMIT_MAX}")))
}

/// Opaque to clients.
pub(super) fn cursor_text(cursor: &DeliveryCursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", cursor.at.0, cursor.id))
}

fn cursor(text: &str) -> Result<DeliveryCursor> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, id) = text.split_once('/')?;
        Some(DeliveryCursor {
            at: Timestamp(at.parse().ok()?),
            id: id.parse().ok()?,
        })
    };
    read().ok_or_else(|| bad("'cursor' is the 'next' of the page before".to_owned()))
}

fn bad(text: String) -> Error {
    Error::invalid("invalid_parameter", text)
}
