//! The suites on SQLite.

use fluxgate_tests::contract::Stores;

/// A database of its own for each test.
async fn stores() -> (Stores, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Stores::on_sqlite(folder.path()), folder)
}

every_behaviour!();

// DynamoDB's items expire by themselves.
on_stores! {
    expiry:
        old_deliveries_are_removed_unless_they_are_pending_or_were_tried_of_late
        an_event_without_a_task_goes_with_its_last_delivery
        events_that_nobody_reads_expire_like_others
        expired_idempotency_keys_are_removed_step_by_step
        what_api_keys_used_in_old_months_is_removed
        old_dead_letters_are_removed
        inputs_and_callback_urls_of_old_tasks_go_step_by_step_and_open_tasks_keep_theirs
        the_keys_of_a_month_stay_while_one_of_its_tasks_is_open;
}
