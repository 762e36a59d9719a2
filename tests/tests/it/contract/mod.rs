//! The contract suites, on every adapter. A behaviour is added to the one list below, and so to all
//! of them.

macro_rules! on_stores {
    ($($suite:ident: $($behaviour:ident)+;)+) => {$(
        mod $suite {
            $(#[tokio::test]
            async fn $behaviour() {
                // The second keeps the adapter's folder or server until the end.
                let (stores, _keep) = super::stores().await;
                fluxgate_tests::contract::$suite::$behaviour(stores).await;
            })+
        }
    )+};
}

/// One test for each behaviour, on what the module's `stores()` makes.
macro_rules! every_behaviour {
    () => {
        on_stores! {
            task_store:
                an_admission_writes_task_inputs_steps_hold_and_ledger_entry
                an_admission_without_money_writes_nothing
                of_many_admissions_only_those_that_are_paid_for_succeed
                another_tenant_s_task_is_not_found
                inputs_stay_with_a_task_that_completed_unless_they_were_large
                inputs_of_a_task_that_did_not_complete_go_with_its_end
                of_many_notes_over_one_timeline_one_is_written
                a_note_is_added_to_the_timeline_and_the_task_stays_as_it_is;
            idempotency_keys:
                a_key_used_again_for_the_same_request_gives_the_same_task_and_holds_once
                a_key_used_again_for_another_request_is_refused
                an_expired_key_is_as_if_it_had_never_been_used
                an_admission_without_money_leaves_its_key_free
                of_many_admissions_with_one_key_and_money_for_one_all_give_that_one
                a_key_belongs_to_one_tenant
                of_many_admissions_with_one_key_one_is_new;
            task_lists:
                tasks_are_listed_newest_first_and_page_by_page
                tasks_are_listed_oldest_first_and_page_by_page;
            task_store_changes:
                a_completion_captures_the_hold_once_whoever_comes_again
                a_failure_releases_the_hold
                a_change_of_an_outdated_task_is_a_conflict_and_writes_nothing
                of_many_changes_to_one_version_one_is_written
                what_is_known_of_a_submit_in_doubt_is_kept_until_it_is_over
                a_provider_run_belongs_to_the_first_task_that_names_it
                notes_take_no_room_of_a_change
                the_trace_of_its_client_stays_with_a_task_through_its_changes;
            change_jobs:
                a_change_s_jobs_are_sent_with_it_and_only_with_it
                a_change_s_deliveries_are_written_with_it
                the_deliveries_of_hundreds_of_endpoints_are_written_with_their_event
                an_end_that_is_still_to_be_told_keeps_its_watch_until_it_is
                an_admission_s_wake_is_sent_with_it_and_only_with_it
                the_watch_is_there_from_admission_and_goes_with_the_end
                a_change_s_job_waits_as_long_as_it_is_to;
            task_outputs:
                what_becomes_of_outputs_is_read_back_and_settles_once
                of_several_outputs_those_that_are_copied_are_read_back;
            queue:
                a_job_is_received_by_one_receiver_and_gone_when_done
                a_delayed_job_is_not_received_before_its_time
                a_job_whose_lease_runs_out_is_received_again
                a_job_that_goes_on_comes_again_as_what_it_became
                a_job_that_fails_too_often_becomes_a_dead_letter_with_its_reason
                a_tenant_with_many_jobs_in_hand_does_not_stand_in_another_s_way
                tenants_that_settle_nothing_leave_room_for_another_in_every_lane
                a_job_sent_again_while_its_older_self_is_settled_comes_again
                jobs_sent_again_while_their_tenant_s_share_is_in_hand_all_come
                the_lanes_are_apart;
            account_store:
                an_account_that_never_had_money_is_all_zero
                a_top_up_with_the_same_reference_counts_once
                concurrent_top_ups_all_count;
            budgets:
                a_run_over_the_month_s_budget_is_refused_and_writes_nothing
                a_run_over_the_balance_is_refused_whatever_the_budget
                a_postpaid_tenant_needs_no_balance_and_what_it_is_lent_is_in_the_ledger
                a_month_s_end_frees_the_budget_and_late_ends_count_in_their_own_month
                a_clock_that_jumps_loses_and_doubles_nothing
                a_budget_below_what_is_used_is_refused_and_changes_nothing
                a_budget_that_is_taken_away_binds_no_more_and_set_again_counts_on;
            budgets_in_mid_month:
                a_budget_that_is_set_in_mid_month_counts_what_was_captured_and_what_is_held
                a_first_budget_below_what_the_month_has_used_is_refused_and_changes_nothing
                a_budget_in_another_time_zone_counts_the_month_that_it_has_there
                a_budget_that_is_set_while_runs_begin_and_end_counts_each_once
                a_month_that_was_counted_is_not_counted_again;
            budgets_at_once:
                of_many_admissions_only_those_within_the_budget_succeed
                a_budget_that_changes_while_runs_are_submitted_is_kept;
            in_flight:
                a_task_too_many_is_refused_until_another_is_over
                tasks_without_a_price_are_counted_when_there_is_a_limit
                a_limit_set_while_tasks_run_counts_them
                of_many_admissions_only_those_within_the_limit_succeed;
            tenant_store:
                a_tenant_is_created_once_and_read_back
                a_tenant_is_updated_over_the_version_it_was_made_from
                of_many_updates_to_one_version_one_is_written
                secrets_are_sealed_anew_over_the_version_that_was_read_and_the_audit_log_is_silent
                a_deleted_tenant_is_gone_and_its_books_stay
                the_audit_log_is_read_newest_first_and_page_by_page;
            trusts:
                of_many_tenants_that_one_token_could_mean_one_is_made
                every_tenant_that_trusts_an_issuer_is_found_by_it;
            endpoint_store:
                an_endpoint_is_created_read_changed_and_deleted
                an_endpoint_is_changed_over_the_version_it_was_made_from
                another_tenant_s_endpoint_is_not_found
                of_many_creations_at_once_exactly_as_many_succeed_as_a_tenant_may_have
                a_deletion_makes_room_for_one_and_only_once
                of_many_creations_with_one_url_at_once_one_succeeds
                a_url_is_free_when_its_endpoint_has_another_or_is_gone
                a_tenant_with_more_endpoints_than_it_may_have_keeps_them_and_gets_no_more;
            fair_queue_store:
                an_empty_line_gives_the_first_its_turn_and_lets_the_next_wait
                of_many_who_come_at_once_only_those_that_there_is_room_for_get_their_turn
                a_line_is_kept_from_one_question_to_the_next;
            telling:
                an_end_is_told_once_to_each_of_sixteen_endpoints_and_settled_once
                a_tenant_with_more_endpoints_than_it_may_have_has_its_tasks_ended_and_told;
            delivery_store:
                a_delivery_is_updated_over_the_version_it_was_made_from
                of_two_updates_of_a_tried_delivery_one_is_written
                an_update_sends_the_job_of_the_next_attempt
                another_tenant_s_delivery_is_not_found;
            delivery_lists:
                an_endpoint_s_deliveries_are_listed_in_both_orders
                deliveries_are_found_by_state_task_and_time
                deliveries_are_found_by_their_event
                pages_follow_each_other_without_gaps_and_doubles
                a_page_may_be_empty_and_not_the_last
                another_tenant_s_deliveries_are_not_listed;
            missed_deliveries:
                what_an_endpoint_missed_is_found_oldest_first
                deliveries_that_are_held_from_their_task_s_end_are_among_the_missed
                what_is_delivered_after_a_replay_is_missed_no_more;
            notices:
                an_event_without_a_task_is_published_with_its_deliveries_and_their_jobs
                an_event_that_is_published_twice_is_written_once
                the_deliveries_of_an_event_without_a_task_are_tried_and_listed
                more_places_than_one_write_takes_are_told_of_an_event
                another_tenant_s_event_is_not_found;
            inboxes:
                an_event_for_a_pull_endpoint_is_in_its_inbox_at_once_and_has_no_job
                a_pull_endpoint_s_delivery_is_acknowledged_over_the_version_that_was_read
                an_event_that_an_inbox_was_read_past_is_refused_with_its_change
                an_event_without_a_task_that_an_inbox_was_read_past_is_refused
                of_many_pull_endpoints_at_once_exactly_as_many_are_created_as_a_tenant_may_have
                how_far_an_inbox_was_read_is_read_back;
            usage_cursors:
                a_cursor_that_was_never_saved_is_at_the_beginning
                a_cursor_is_saved_over_the_version_it_was_made_from
                of_many_saves_of_one_version_one_is_written
                cursors_of_other_places_and_tenants_are_apart;
            usage_export:
                what_is_charged_is_told_once_and_nothing_else
                an_export_that_was_not_remembered_tells_the_same_bytes_again_and_loses_none
                what_the_sink_did_not_take_is_told_later
                several_exports_at_once_lose_nothing
                a_charge_without_outputs_in_the_bucket_says_so_with_the_same_bytes_ever_after
                an_export_without_time_says_that_there_is_more
                an_export_that_restarts_tells_the_same_again_and_other_places_have_their_own
                a_tenant_is_exported_after_its_deletion;
            late_usage:
                a_task_that_completes_after_younger_ones_were_told_is_told
                what_was_made_after_the_clock_was_set_back_is_told
                a_task_that_is_written_after_younger_ones_were_told_is_told;
        }
    };
}

mod aws;
mod sqlite;
