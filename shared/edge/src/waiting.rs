//! Holding an answer until a task has ended, up to a limit.

use std::time::Duration;

use axum::http::HeaderMap;
use fluxgate_core::Result;
use fluxgate_core::app::Gateway;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::provider::Prediction;

use crate::state::Edge;

/// The first and the longest interval between two checks of a running task; each check may cost a
/// read.
const CHECK_FIRST: Duration = Duration::from_millis(100);
const CHECK_MAX: Duration = Duration::from_millis(800);

/// How long the client prefers to wait: `Prefer: wait=10`, in seconds ([RFC 7240, 4.3]). What
/// cannot be read is no preference, as the RFC says.
///
/// [RFC 7240, 4.3]: https://www.rfc-editor.org/rfc/rfc7240#section-4.3
pub(crate) fn preferred(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter();
    let preferences = values.filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            let is_wait = name.trim().eq_ignore_ascii_case("wait");
            let seconds = value.trim().trim_matches('"').parse().ok();
            seconds.filter(|_| is_wait).map(Duration::from_secs)
        })
}

/// The prediction once it has ended. `None` after that time, at the installation's limit, or when
/// the process stops: the task goes on.
pub(crate) async fn until_end(
    edge: &Edge,
    tenant: &TenantId,
    id: &TaskId,
    at_most: Option<Duration>,
) -> Result<Option<Prediction>> {
    let gateway = &edge.gateway;
    let limit = Duration::from_millis(gateway.bounds().sync_wait_max_ms);
    let limit = at_most.map_or(limit, |at_most| at_most.min(limit));
    let mut stopping = edge.stopping.clone();
    tokio::select! {
        ended = ended(gateway, tenant, id) => ended.map(Some),
        () = tokio::time::sleep(limit) => Ok(None),
        _ = stopping.wait_for(|stopping| *stopping) => Ok(None),
    }
}

async fn ended(gateway: &Gateway, tenant: &TenantId, id: &TaskId) -> Result<Prediction> {
    let mut pause = CHECK_FIRST;
    loop {
        if let Some(prediction) = gateway.ended(tenant, id).await? {
            return Ok(prediction);
        }
        tokio::time::sleep(pause).await;
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
            (vec!["wait"], None),
            (vec!["wait=-1"], None),
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
}
