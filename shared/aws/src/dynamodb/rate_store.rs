//! Buckets of requests, one item for each tenant with a limit of its own. The limit is the
//! condition of the write, so that no read comes first and no two writers give out the same token.

use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{RateStore, TokenRequest, TokensTaken};
use fluxgate_core::rate::{TokenBucket, micros};
use fluxgate_core::{Error, Result};

use super::DynamoStore;
use super::attribute::{Item, Reader, number};
use super::error::contention;
use super::key::{EXPIRES_AT, Key};
use super::transact::WriteOutcome;
use super::write::Write;

/// How often a write that guessed the bucket wrong is made anew. Each refusal tells what is there.
const ATTEMPTS_MAX: u32 = 12;
/// How long a request waits for it all: it has more to do, and can go on without.
const TAKING_MAX: Duration = Duration::from_secs(1);

/// When the bucket will be full, in microseconds since 1970: a moment that is past is full.
const FULL_AT: &str = "full_at";
/// How much further ahead than empty a bucket may be: clocks differ, and limits are raised.
const AHEAD_US: i64 = 1_000_000;
/// A bucket is removed this long after it is full.
const KEPT_S: i64 = 3_600;

#[async_trait]
impl RateStore for DynamoStore {
    async fn take_tokens(&self, tenant: &TenantId, wanted: TokenRequest) -> Result<TokensTaken> {
        let taking = tokio::time::timeout(TAKING_MAX, self.take_from_item(tenant, wanted));
        Box::pin(taking).await.unwrap_or_else(|_| {
            let text = "the table takes too long to count a request";
            Err(Error::unavailable("table_unavailable", text))
        })
    }
}

impl DynamoStore {
    async fn take_from_item(&self, tenant: &TenantId, wanted: TokenRequest) -> Result<TokensTaken> {
        let mut bucket = wanted.seen;
        for _ in 0..ATTEMPTS_MAX {
            let (write, taken) = step(tenant, wanted, bucket);
            let Some(write) = write else {
                return Ok(taken);
            };
            bucket = match self.table.try_write(&[write]).await? {
                Some(WriteOutcome::Written) => return Ok(taken),
                Some(WriteOutcome::Refused(found)) => stored(found.first())?,
                // The table is throttled.
                None => return Err(contention()),
            };
        }
        Err(contention())
    }
}

/// What is written, and taken if the bucket is as it is taken to be; no write for an empty bucket,
/// which others can only have emptied further.
fn step(
    tenant: &TenantId,
    wanted: TokenRequest,
    bucket: TokenBucket,
) -> (Option<Write>, TokensTaken) {
    let TokenRequest { rate, now, .. } = wanted;
    let empty_us = micros(now) + rate.capacity_us();
    let tokens = bucket.tokens(rate, now).min(wanted.tokens);
    let taken = TokensTaken {
        tokens,
        bucket: bucket.without(tokens, rate, now),
    };
    let expires_at = now.seconds() + i64::try_from(rate.window_s()).unwrap_or(0) + KEPT_S;
    let write = Write::update(Key::rate(tenant)).set(EXPIRES_AT, number(expires_at));
    let cost_us = rate.cost_us(tokens);
    let write = if bucket.full_at_us > empty_us + AHEAD_US {
        // By a clock that was far ahead: from here on it fills again.
        write
            .when("#full_at = :ahead")
            .with(":ahead", number(bucket.full_at_us))
            .set(FULL_AT, number(empty_us))
    } else if tokens == 0 {
        return (None, taken);
    } else if bucket.full_at_us <= micros(now) {
        write
            .when("attribute_not_exists(#full_at) OR #full_at <= :now")
            .with(":now", number(micros(now)))
            .set(FULL_AT, number(micros(now) + cost_us))
    } else {
        write
            .when("#full_at > :now AND #full_at <= :room")
            .with(":now", number(micros(now)))
            .with(":room", number(empty_us - cost_us))
            .add(FULL_AT, number(cost_us))
    };
    (Some(write), taken)
}

/// A bucket that is not there is full.
fn stored(item: Option<&Option<Item>>) -> Result<TokenBucket> {
    let full_at_us = match item {
        Some(Some(item)) => Reader(item).optional_number(FULL_AT)?,
        _ => None,
    };
    Ok(TokenBucket {
        full_at_us: full_at_us.unwrap_or_default(),
    })
}
