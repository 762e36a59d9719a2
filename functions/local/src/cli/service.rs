//! What a service manager is told, if one started this process and asks for it: systemd's protocol,
//! by the socket that `NOTIFY_SOCKET` names.

use std::time::Duration;

use sd_notify::NotifyState;

/// Requests are accepted from now on. If the manager watches, it is told again and again that this
/// process goes on.
pub(super) fn ready() {
    tell(NotifyState::Ready);
    if let Some(within) = watched() {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(within / 2);
            loop {
                ticks.tick().await;
                tell(NotifyState::Watchdog);
            }
        });
    }
}

/// Nothing new is accepted any more.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told how this process is");
    }
}

/// How long this process may be silent, in the manager's eyes.
fn watched() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|within| !within.is_zero())
}
