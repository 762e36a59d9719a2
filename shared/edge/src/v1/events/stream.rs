//! The same as server-sent events. The connection ends after a bound, and the client comes back
//! with the id of the last event that it has; where nothing may be kept open, the stream is what
//! there is.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::Result;
use fluxgate_core::app::InboxPage;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::Instant;

use super::Reading;
use super::view::event_view;
use crate::event_streams::Place;

/// Two lines of the protocol (WHATWG HTML, 9.2): what a client waits before it comes back, and a
/// comment that keeps the connection from being idle.
const RETRY: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What is under way of one stream.
struct Flow {
    reading: Reading,
    until: Instant,
    waiting: VecDeque<Event>,
    _place: Place,
}

/// The first page is read before the answer begins, so that what cannot be has its own status.
pub(super) async fn stream(mut reading: Reading) -> Result<Response> {
    let streams = &reading.edge.event_streams;
    let place = streams.enter(&reading.principal.tenant)?;
    reading.acknowledge().await?;
    let page = reading.first_page().await?;
    let mut waiting = VecDeque::from([Event::default().retry(RETRY)]);
    reading.take(page, &mut waiting);
    let bound = Duration::from_millis(reading.edge.inbox.event_stream_max_ms());
    let flow = Flow {
        reading,
        until: Instant::now() + bound,
        waiting,
        _place: place,
    };
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events(flow)).keep_alive(heartbeat).into_response())
}

fn events(flow: Flow) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(flow, |mut flow| async {
        let event = flow.next().await?;
        Some((Ok(event), flow))
    })
}

impl Flow {
    /// `None` at the end: the client asks again, and is told why if there is nothing to read.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if !self.reading.pause(self.until).await {
                return None;
            }
            match self.reading.page().await {
                Ok(page) => self.reading.take(page, &mut self.waiting),
                Err(error) => {
                    let (endpoint, error) = (&self.reading.asked.endpoint, error.with_causes());
                    tracing::debug!(endpoint.id = %endpoint, error, "a stream of events ends early");
                    return None;
                }
            }
        }
    }
}

impl Reading {
    /// The page as it is written, and this reading behind it.
    fn take(&mut self, page: InboxPage, waiting: &mut VecDeque<Event>) {
        for event in &page.events {
            let written = Event::default()
                .id(event.cursor.to_text())
                .event(event.event.as_str());
            // A view has string keys and no numbers: it is always JSON.
            waiting.extend(written.json_data(event_view(event)));
        }
        self.asked.after = Some(page.next);
    }
}
