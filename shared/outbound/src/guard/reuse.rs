//! Connections that are kept open for the next request: whether a request went out on one, and
//! whether it broke under it.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use super::send_error::SendError;
use crate::failure::{cause, is_connect, is_timeout};

/// A kept connection that the server has closed meanwhile breaks within a round trip. What breaks
/// later was being worked on.
pub(super) const BREAKS_WITHIN: Duration = Duration::from_secs(1);

tokio::task_local! {
    static CONNECTED: Cell<bool>;
}

/// The client starts to connect. It does so within the request that needs the connection, and only
/// when none is kept.
pub(super) fn note_connect() {
    // Outside `observed` nobody asks.
    let _ = CONNECTED.try_with(|connected| connected.set(true));
}

/// What a request came to, and whether it certainly went out on a kept connection: the client never
/// started to connect for it.
pub(super) async fn observed<T>(request: impl Future<Output = T>) -> (T, bool) {
    let watched = async {
        let outcome = request.await;
        (outcome, !CONNECTED.with(Cell::get))
    };
    CONNECTED.scope(Cell::new(false), watched).await
}

/// The connection ended before the head of an answer had come.
pub(super) fn broke(error: &SendError) -> bool {
    if is_timeout(error) || is_connect(error) {
        return false;
    }
    let ended = cause::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message);
    let cut = cause::<io::Error>(error).is_some_and(|error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset
        )
    });
    ended || cut
}
