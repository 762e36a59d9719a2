//! Stores that were restored from a backup.

use std::sync::Arc;

use fluxgate_core::port::RestorationStore;
use fluxgate_core::{Kind, Reason};

use super::Stores;

pub async fn a_store_that_was_not_restored_awaits_nothing(stores: Stores) {
    stores.funded(1).await;

    let restorations = stores.store.restorations();

    assert!(!restorations.may_await_restoration());
    restorations.check_restored().await.unwrap();
}

/// `open` opens the restored store as another process does; until it is seen to it says `reason`.
pub async fn a_restored_store_is_seen_to_once_for_every_process<S: RestorationStore>(
    reason: Reason,
    open: impl AsyncFn() -> Arc<S>,
) {
    let (one, other) = (open().await, open().await);

    for process in [&one, &other] {
        assert!(process.may_await_restoration());
        let error = process.check_restored().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.is(reason), "{error}");
    }
    one.restoration_done().await.unwrap();
    one.restoration_done().await.unwrap();

    for process in [one, other, open().await] {
        process.check_restored().await.unwrap();
        assert!(!process.may_await_restoration());
    }
}
