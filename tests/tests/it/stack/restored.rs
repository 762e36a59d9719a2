//! A table restored from a backup, adopted by the stack and seen to. `infra/drill restore` prints
//! the same.

use fluxgate_tests::restore_drill::{Check, restore_drill};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_nothing_is_paid_twice_and_every_open_task_ends() {
    let checks = Box::pin(restore_drill()).await;

    let wrong: Vec<&Check> = checks.iter().filter(|check| !check.is_right()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
