//! Request rates on DynamoDB: the contract of the buckets, what they cost, and several processes
//! that hold one rate together.

use std::sync::Arc;

use fluxgate_core::app::SharedRates;
use fluxgate_core::port::{RateStore as _, TokenRequest};
use fluxgate_core::rate::{Rate, TokenBucket};
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::{fresh_tenant, now, request_rates};
use fluxgate_tests::faulty_aws::Fault;
use fluxgate_tests::{AwsStores, HeldClock, Ministack, eventually};

use super::dynamodb::Bed;

macro_rules! contract {
    ($($behaviour:ident)+) => {$(
        #[tokio::test]
        async fn $behaviour() {
            let ministack = Ministack::start().await;
            let store = AwsStores::on(&ministack).await.store;
            request_rates::$behaviour(Arc::new(store)).await;
        }
    )+};
}

contract! {
    a_new_bucket_is_full_and_then_fills_by_its_rate
    of_many_who_take_at_once_all_together_get_what_there_is
    a_stale_look_at_the_bucket_gives_no_token_twice
    a_clock_an_hour_ahead_empties_a_bucket_for_no_longer_than_requests_do
    tenants_have_buckets_of_their_own
    a_changed_limit_holds_within_seconds
}

const RATE: Rate = Rate {
    per_second: 20,
    burst: 40,
};

/// Processes with one clock and one table; the store of the first is by the faulty way.
async fn processes(bed: &Bed, clock: &HeldClock, count: usize) -> Vec<SharedRates> {
    let faulty = bed.direct.by_way_of(&bed.faulty.aws).await.store;
    (0..count)
        .map(|_| SharedRates::new(Arc::new(faulty.clone()), Arc::new(clock.clone())))
        .collect()
}

#[tokio::test]
async fn several_processes_together_let_no_more_through_than_the_rate_and_its_burst() {
    let bed = Bed::start().await;
    let (clock, tenant) = (HeldClock::now(), fresh_tenant());
    let processes = processes(&bed, &clock, 3).await;
    let (mut passed, mut asked, seconds) = (0, 0, 10);

    // A hundred requests a second, by turns.
    for n in 0..seconds * 100 {
        let taken = processes[n % 3].take(&tenant, RATE).await.unwrap();
        passed += u32::from(taken.refused_ms.is_none());
        asked += 1;
        clock.pass_ms(10);
    }

    let most = RATE.burst + RATE.per_second * u32::try_from(seconds).unwrap();
    assert!(passed <= most, "{passed} of {asked} passed, {most} may");
    assert!(passed * 10 >= most * 8, "only {passed} of {most} passed");
}

#[tokio::test]
async fn a_busy_tenant_costs_a_small_part_of_a_write_for_each_request() {
    let bed = Bed::start().await;
    let (clock, tenant) = (HeldClock::now(), fresh_tenant());
    let processes = processes(&bed, &clock, 1).await;
    let rate = Rate {
        per_second: 100,
        burst: 100,
    };

    for _ in 0..500 {
        let taken = processes[0].take(&tenant, rate).await.unwrap();
        assert_eq!(taken.refused_ms, None);
        clock.pass_ms(12);
    }

    let units = bed.faulty.write_units();
    assert!(units * 10 <= 500, "{units} write units for 500 requests");
}

#[tokio::test]
async fn requests_over_the_limit_do_not_each_ask_the_table() {
    let bed = Bed::start().await;
    let (clock, tenant) = (HeldClock::now(), fresh_tenant());
    let processes = processes(&bed, &clock, 1).await;
    let rate = Rate {
        per_second: 1,
        burst: 1,
    };
    let first = processes[0].take(&tenant, rate).await.unwrap();
    let before = bed.faulty.write_units();

    for _ in 0..200 {
        let taken = processes[0].take(&tenant, rate).await.unwrap();
        assert!(taken.refused_ms.is_some_and(|ms| ms <= 1_000), "{taken:?}");
        assert_eq!(taken.remaining, 0);
    }

    assert_eq!((first.refused_ms, first.remaining), (None, 0));
    assert!(bed.faulty.write_units() - before <= 1);
}

#[tokio::test]
async fn while_the_table_is_throttled_nobody_is_counted_there_and_then_everybody_again() {
    let bed = Bed::start().await;
    let (clock, tenant) = (HeldClock::now(), fresh_tenant());
    let processes = processes(&bed, &clock, 1).await;
    // At least as often as the client asks within its time.
    bed.faulty.next("UpdateItem", [Fault::Throttled; 3]);

    let first = processes[0].take(&tenant, RATE).await;
    let soon = processes[0].take(&tenant, RATE).await;
    let asked = bed.faulty.left();
    let later = eventually("the shared bucket", || async {
        clock.pass_ms(1_000);
        processes[0].take(&tenant, RATE).await
    })
    .await;

    assert_eq!((first, soon), (None, None));
    assert!(asked < 3);
    assert_eq!(later.remaining, 39);
}

#[tokio::test]
async fn a_bucket_expires_an_hour_after_it_is_full() {
    let bed = Bed::start().await;
    let (tenant, now) = (fresh_tenant(), now());
    let wanted = TokenRequest {
        rate: RATE,
        tokens: 1,
        now,
        seen: TokenBucket::default(),
    };

    bed.store().take_tokens(&tenant, wanted).await.unwrap();

    let get = bed.ministack.aws().dynamodb().get_item().table_name(TABLE);
    let text = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let get = get.key("pk", text(format!("T#{tenant}")));
    let item = get.key("sk", text("RATE".to_owned())).send().await.unwrap();
    let item = item.item.unwrap();
    let expires_at: i64 = item["expires_at"].as_n().unwrap().parse().unwrap();
    assert_eq!(expires_at - now.seconds(), 3_600 + 2);
}
