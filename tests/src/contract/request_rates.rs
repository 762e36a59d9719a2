//! Buckets of requests that several processes share.

use std::sync::Arc;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::{RateStore, TokenRequest, TokensTaken};
use fluxgate_core::rate::{Rate, TokenBucket};
use fluxgate_core::time::Timestamp;

use super::{fresh_tenant, now};

type Rates = Arc<dyn RateStore>;

const RATE: Rate = Rate {
    per_second: 10,
    burst: 30,
};

fn wanted(tokens: u32, now: Timestamp) -> TokenRequest {
    TokenRequest {
        rate: RATE,
        tokens,
        now,
        seen: TokenBucket::default(),
    }
}

async fn take(rates: &Rates, tenant: &TenantId, tokens: u32, now: Timestamp) -> TokensTaken {
    let taken = rates.take_tokens(tenant, wanted(tokens, now)).await;
    taken.expect("the store answers")
}

pub async fn a_new_bucket_is_full_and_then_fills_by_its_rate(rates: Rates) {
    let (tenant, now) = (fresh_tenant(), now());

    let burst = take(&rates, &tenant, 30, now).await;
    let none = take(&rates, &tenant, 1, now).await;
    let later = take(&rates, &tenant, 30, now.plus_ms(500)).await;
    let full = take(&rates, &tenant, 30, now.plus_ms(60_000)).await;
    let no_fuller = take(&rates, &tenant, 30, now.plus_ms(60_000)).await;

    let taken = [burst, none, later, full, no_fuller].map(|taken| taken.tokens);
    assert_eq!(taken, [30, 0, 5, 30, 0]);
    assert_eq!(none.bucket.refusal(RATE, now).refused_ms, Some(100));
}

pub async fn of_many_who_take_at_once_all_together_get_what_there_is(rates: Rates) {
    let (tenant, now) = (fresh_tenant(), now());

    let taking = (0..24).map(|_| {
        let (rates, tenant) = (rates.clone(), tenant.clone());
        tokio::spawn(async move { take(&rates, &tenant, 4, now).await.tokens })
    });
    let mut taken = 0;
    for taking in taking.collect::<Vec<_>>() {
        taken += taking.await.expect("nobody panics");
    }

    assert_eq!(taken, RATE.burst);
}

/// Whoever saw the bucket last may have seen it fuller, or emptier, than it is.
pub async fn a_stale_look_at_the_bucket_gives_no_token_twice(rates: Rates) {
    let (tenant, now) = (fresh_tenant(), now());
    let first = take(&rates, &tenant, 10, now).await;
    take(&rates, &tenant, 15, now).await;

    let stale = TokenRequest {
        seen: first.bucket,
        ..wanted(20, now)
    };
    let rest = rates.take_tokens(&tenant, stale).await.unwrap();
    let full = TokenRequest {
        seen: TokenBucket::default(),
        ..stale
    };
    let none = rates.take_tokens(&tenant, full).await.unwrap();

    assert_eq!((rest.tokens, none.tokens), (5, 0));
}

pub async fn a_clock_an_hour_ahead_empties_a_bucket_for_no_longer_than_requests_do(rates: Rates) {
    let (tenant, now) = (fresh_tenant(), now());
    take(&rates, &tenant, 30, now.plus_ms(3_600_000)).await;

    let none = take(&rates, &tenant, 1, now).await;
    let later = take(&rates, &tenant, 30, now.plus_ms(1_000)).await;

    assert_eq!((none.tokens, later.tokens), (0, 10));
}

pub async fn tenants_have_buckets_of_their_own(rates: Rates) {
    let now = now();
    for tenant in [fresh_tenant(), fresh_tenant()] {
        assert_eq!(take(&rates, &tenant, 30, now).await.tokens, 30);
    }
}

/// The limit was raised, or lowered, while tokens were taken.
pub async fn a_changed_limit_holds_within_seconds(rates: Rates) {
    let (tenant, now) = (fresh_tenant(), now());
    take(&rates, &tenant, 30, now).await;
    let with = async |per_second, burst, after_ms| {
        let wanted = TokenRequest {
            rate: Rate { per_second, burst },
            ..wanted(burst, now.plus_ms(after_ms))
        };
        let taken = rates.take_tokens(&tenant, wanted).await;
        taken.expect("the store answers").tokens
    };

    let raised = with(100, 100, 2_500).await;
    let lowered = with(1, 1, 2_500).await;
    let later = with(1, 1, 5_000).await;

    assert_eq!((raised, lowered, later), (50, 0, 1));
}
