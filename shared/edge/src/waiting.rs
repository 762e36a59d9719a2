//! Holding an answer until a task has ended, up to a limit.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use fluxgate_core::Result;
use fluxgate_core::id::TaskId;
use fluxgate_core::tenant::Principal;
use tokio::time::Instant;

use crate::standing::Standing;
use crate::state::Edge;

/// The first and the longest interval between two checks of a running task; each check may cost a
/// read.
const CHECK_FIRST: Duration = Duration::from_millis(100);
const CHECK_MAX: Duration = Duration::from_millis(800);

/// Left between the end of a wait and a deadline: to read the task once more, and to answer.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// When the process that serves a request must have answered it, as an extension of the request.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub std::time::Instant);

/// Whether a request was held because its client asked for that: an extension of the request, for
/// whoever measures how long requests take.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<AtomicBool>);

impl Held {
    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<S: Sync> FromRequestParts<S> for Held {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// How long a request may be held.
pub(crate) struct Waiting {
    held: Held,
    /// Waits count from here on, since clients and fronts count that way.
    received: Instant,
    /// What the client prefers.
    pub(crate) preferred: Option<Duration>,
    deadline: Option<Deadline>,
}

impl<S: Sync> FromRequestParts<S> for Waiting {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> std::result::Result<Self, Infallible> {
        let Ok(held) = Held::from_request_parts(parts, state).await;
        Ok(Self {
            held,
            received: Instant::now(),
            preferred: preferred(&parts.headers),
            deadline: parts.extensions.get().copied(),
        })
    }
}

impl Waiting {
    /// The end of a wait at the installation's limit, or earlier if the client prefers that or the
    /// process has less time.
    fn until(&self, limit: Duration) -> Instant {
        let wait = self.preferred.map_or(limit, |wait| wait.min(limit));
        let end = self.received + wait;
        let deadline = self.deadline.map(|Deadline(at)| Instant::from_std(at));
        deadline.map_or(end, |at| end.min(at.checked_sub(TO_ANSWER).unwrap_or(at)))
    }
}

/// How long the client prefers to wait: `Prefer: wait=10`, in seconds ([RFC 7240, 4.3]). The first
/// such preference counts; one that cannot be read is none, as the RFC says. One beyond the limit
/// is honoured up to it.
///
/// [RFC 7240, 4.3]: https://www.rfc-editor.org/rfc/rfc7240#section-4.3
fn preferred(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter();
    let mut preferences = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let seconds = preferences.find_map(wait)?;
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    // What no integer holds is beyond every limit.
    is_number.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
}

/// The value of a preference if it is this one; what follows a semicolon are its parameters.
fn wait(preference: &str) -> Option<&str> {
    let preference = preference.split(';').next()?;
    let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
    name.trim()
        .eq_ignore_ascii_case("wait")
        .then(|| value.trim().trim_matches('"'))
}

/// True once the task has ended, false when the wait is over or the process stops: the task goes
/// on. What is held meanwhile is small: a thousand may wait at once.
pub(crate) async fn until_end(
    edge: &Edge,
    principal: &Principal,
    id: &TaskId,
    waiting: &Waiting,
) -> Result<bool> {
    let limit = Duration::from_millis(edge.gateway.bounds().sync_wait_max_ms);
    let until = waiting.until(limit);
    let mut stopping = edge.stopping.clone();
    let mut pause = CHECK_FIRST;
    let mut standing = Standing::of(principal);
    waiting.held.mark();
    let tenant = &principal.tenant;
    loop {
        // Made anew for each look, so that its memory is not held between two.
        if Box::pin(edge.gateway.task(tenant, id))
            .await?
            .state
            .is_end()
        {
            return Ok(true);
        }
        let look = (Instant::now() + pause).min(until);
        tokio::select! {
            () = tokio::time::sleep_until(look) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(false),
        }
        if look == until {
            return Ok(false);
        }
        Box::pin(standing.check(edge)).await?;
        pause = (pause * 5 / 4).min(CHECK_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_read_among_others_and_an_odd_one_is_none() {
        for (values, expected) in [
            (vec!["wait=10"], Some(10)),
            (vec!["respond-async, Wait = \"7\""], Some(7)),
            (vec!["return=minimal", "wait=0"], Some(0)),
            (vec!["wait=100; x=1"], Some(100)),
            (vec!["wait=99999999999999999999999"], Some(u64::MAX)),
            (vec!["wait=5, wait=9"], Some(5)),
            (vec!["wait=soon, wait=9"], None),
            (vec!["respond-async; wait=9"], None),
            (vec!["wait"], None),
            (vec!["wait="], None),
            (vec!["wait=-1"], None),
            (vec!["wait=+1"], None),
            (vec!["wait=1.5"], None),
            (vec!["wait=soon"], None),
            (vec!["awaits=5"], None),
            (vec![], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append("prefer", value.parse().expect("a header's value"));
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(preferred(&headers), expected, "{values:?}");
        }
    }

    #[test]
    fn a_wait_ends_with_the_first_of_preference_limit_and_deadline() {
        let received = Instant::now();
        let seconds = Duration::from_secs;
        for (preferred, deadline, expected) in [
            (None, None, 25),
            (Some(7), None, 7),
            (Some(u64::MAX), None, 25),
            (None, Some(60), 25),
            (None, Some(11), 10),
            (Some(7), Some(11), 7),
        ] {
            let waiting = Waiting {
                held: Held::default(),
                received,
                preferred: preferred.map(seconds),
                deadline: deadline.map(|after| Deadline((received + seconds(after)).into_std())),
            };
            let until = waiting.until(seconds(25));
            assert_eq!(
                until,
                received + seconds(expected),
                "{preferred:?} {deadline:?}"
            );
        }
    }
}
