//! Writes: a single item by itself, because a transaction costs twice as much; several items in one
//! transaction. A write that loses to others is retried.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use fluxgate_core::{Error, Result};
use tokio::time::Instant;

use super::attribute::Item;
use super::error::{contention, is_contention};
use super::table::Table;
use super::write::{Action, Write};
use crate::failure::code;

/// How often a write that loses to others is retried, and for how long in total. A hundred writers
/// of one account need about two seconds to get through one by one.
const ATTEMPTS_MAX: u32 = 24;
const TRYING_MAX: Duration = Duration::from_secs(6);
/// The longest wait after the first loss; it doubles with each one.
const BACKOFF_MS: u64 = 15;
const BACKOFF_MAX_MS: u64 = 400;

/// The result of a write.
#[derive(Debug)]
pub(super) enum WriteOutcome {
    Written,
    /// Nothing was written. For each write whose condition failed, the existing item, or an empty
    /// one if there is none.
    Refused(Vec<Option<Item>>),
}

enum Attempt {
    Over(WriteOutcome),
    Lost,
    Failed(Error),
}

/// Identifies one call of a store, and is written with the call's data. It distinguishes an earlier
/// attempt of the same call, whose response was lost, from another call that writes the same data:
/// only one of two identical callers may go on to submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallMark([u8; 8]);

/// The attribute that bears it.
pub(super) const MARK: &str = "mark";

/// True when what was found was written by the call of this mark.
pub(super) fn is_marked(found: &[Option<Item>], mark: &AttributeValue) -> bool {
    found
        .iter()
        .flatten()
        .any(|item| item.get(MARK) == Some(mark))
}

impl CallMark {
    pub(super) fn fresh() -> Self {
        Self(fastrand::u64(..).to_be_bytes())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Table {
    /// Writes all or nothing, and waits for concurrent writers of the same items.
    ///
    /// Fails with kind `Unavailable` if contention persists, and if DynamoDB gives no response:
    /// then the write may have happened.
    pub(super) async fn write(&self, writes: &[Write]) -> Result<WriteOutcome> {
        let (token, started) = (token(), Instant::now());
        for attempt in 0..ATTEMPTS_MAX {
            match self.attempt_once(writes, &token).await {
                Attempt::Over(outcome) => return Ok(outcome),
                Attempt::Failed(error) => return Err(error),
                Attempt::Lost if started.elapsed() > TRYING_MAX => break,
                Attempt::Lost => tokio::time::sleep(backoff(attempt)).await,
            }
        }
        Err(contention())
    }

    /// Like [`Self::write`], but only one attempt: `None` if it lost to others and nothing was
    /// written.
    pub(super) async fn try_write(&self, writes: &[Write]) -> Result<Option<WriteOutcome>> {
        match self.attempt_once(writes, &token()).await {
            Attempt::Over(outcome) => Ok(Some(outcome)),
            Attempt::Failed(error) => Err(error),
            Attempt::Lost => Ok(None),
        }
    }

    async fn attempt_once(&self, writes: &[Write], token: &str) -> Attempt {
        match writes {
            [write] => Box::pin(self.write_one(write)).await,
            _ => Box::pin(self.write_together(writes, token)).await,
        }
    }

    async fn write_one(&self, write: &Write) -> Attempt {
        match &write.action {
            Action::Put(attributes) => self.put_item(write, attributes.clone()).await,
            Action::Update(clauses) => self.update_item(write, clauses.expression()).await,
            Action::Delete => self.delete_item(write).await,
        }
    }

    async fn put_item(&self, write: &Write, attributes: Item) -> Attempt {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(attributes))
            .set_condition_expression(write.condition.clone())
            .set_expression_attribute_names(write.names())
            .set_expression_attribute_values(write.values())
            .set_return_values_on_condition_check_failure(write.on_failure())
            .send()
            .await;
        self.attempt(sent, "PutItem", |error| match error {
            PutItemError::ConditionalCheckFailedException(refused) => {
                Some(vec![Some(found(refused.item()))])
            }
            _ => None,
        })
    }

    async fn update_item(&self, write: &Write, expression: String) -> Attempt {
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(write.key.attributes()))
            .update_expression(expression)
            .set_condition_expression(write.condition.clone())
            .set_expression_attribute_names(write.names())
            .set_expression_attribute_values(write.values())
            .set_return_values_on_condition_check_failure(write.on_failure())
            .send()
            .await;
        self.attempt(sent, "UpdateItem", |error| match error {
            UpdateItemError::ConditionalCheckFailedException(refused) => {
                Some(vec![Some(found(refused.item()))])
            }
            _ => None,
        })
    }

    async fn delete_item(&self, write: &Write) -> Attempt {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(write.key.attributes()))
            .set_condition_expression(write.condition.clone())
            .set_expression_attribute_names(write.names())
            .set_expression_attribute_values(write.values())
            .set_return_values_on_condition_check_failure(write.on_failure())
            .send()
            .await;
        self.attempt(sent, "DeleteItem", |error| match error {
            DeleteItemError::ConditionalCheckFailedException(refused) => {
                Some(vec![Some(found(refused.item()))])
            }
            _ => None,
        })
    }

    async fn write_together(&self, writes: &[Write], token: &str) -> Attempt {
        let built = writes
            .iter()
            .map(|write| write.in_transaction(&self.name))
            .collect::<Result<Vec<_>, _>>();
        let items: Vec<TransactWriteItem> = match built {
            Ok(items) => items,
            Err(error) => {
                return Attempt::Failed(
                    Error::internal("table", "a write is incomplete").source(error),
                );
            }
        };
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token)
            .send()
            .await;
        let Err(SdkError::ServiceError(failed)) = &sent else {
            return self.attempt(sent, &permissions(writes), |_| None);
        };
        let TransactWriteItemsError::TransactionCanceledException(cancelled) = failed.err() else {
            return self.attempt(sent, &permissions(writes), |_| None);
        };
        let reasons = cancelled.cancellation_reasons();
        if reasons
            .iter()
            .any(|reason| is_contention(reason.code().unwrap_or_default()))
        {
            // A write that conflicts with another transaction says nothing about the other
            // conditions.
            return Attempt::Lost;
        }
        if reasons.iter().any(|reason| reason.code() == Some(REFUSED)) {
            return Attempt::Over(WriteOutcome::Refused(reasons.iter().map(refusal).collect()));
        }
        let codes: Vec<&str> = reasons
            .iter()
            .filter_map(CancellationReason::code)
            .collect();
        Attempt::Failed(
            Error::internal(
                "table_refused",
                "the table refused a transaction as malformed",
            )
            .source(codes.join(", ")),
        )
    }

    fn attempt<T, E>(
        &self,
        sent: Result<T, SdkError<E>>,
        action: &str,
        refused: impl FnOnce(&E) -> Option<Vec<Option<Item>>>,
    ) -> Attempt
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Err(error) = sent else {
            return Attempt::Over(WriteOutcome::Written);
        };
        if let Some(items) = error.as_service_error().and_then(refused) {
            return Attempt::Over(WriteOutcome::Refused(items));
        }
        if is_contention(code(&error)) {
            Attempt::Lost
        } else {
            Attempt::Failed(self.error(action, &error))
        }
    }
}

/// The same for every attempt: DynamoDB reports success for a transaction that it has already done.
fn token() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// IAM has no action for transactions: each write in it needs the action of its kind.
fn permissions(writes: &[Write]) -> String {
    let kinds: BTreeSet<&str> = writes.iter().map(|write| write.action.name()).collect();
    kinds.into_iter().collect::<Vec<_>>().join(" and dynamodb:")
}

const REFUSED: &str = "ConditionalCheckFailed";

fn refusal(reason: &CancellationReason) -> Option<Item> {
    (reason.code() == Some(REFUSED)).then(|| found(reason.item()))
}

fn found(item: Option<&Item>) -> Item {
    item.cloned().unwrap_or_default()
}

/// A random time below the doubled bound, so that writers that lost together do not retry together.
pub(super) fn backoff(attempt: u32) -> Duration {
    let longest_ms = BACKOFF_MS
        .saturating_mul(1 << attempt.min(16))
        .min(BACKOFF_MAX_MS);
    Duration::from_millis(fastrand::u64(0..=longest_ms))
}
