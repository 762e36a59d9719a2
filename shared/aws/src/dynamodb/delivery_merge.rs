//! The deliveries of several partitions in one order. Each is read a stretch at a time, and only
//! when the order comes to what was not read yet.

use std::collections::VecDeque;

use fluxgate_core::id::TenantId;
use fluxgate_core::webhook::{DeliveryQuery, Target};
use fluxgate_core::{Error, Result};
use tokio::task::JoinSet;

use super::attribute::Item;
use super::delivery_key::{Which, sort_key_of, time_key};
use super::table::{Range, Table, sort_key};

/// The least that is read of one of many partitions.
const STRETCH_MIN: usize = 10;

/// An item of a place's partition.
pub(super) struct Found {
    pub(super) target: Target,
    pub(super) item: Item,
}

pub(super) struct Merge<'a> {
    table: &'a Table,
    newest_first: bool,
    consistent: bool,
    sources: Vec<Source>,
}

struct Source {
    target: Target,
    pk: String,
    span: Span,
    read: VecDeque<Item>,
    is_whole: bool,
}

/// Sort keys that are still to be read, the ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    from: String,
    to: String,
}

impl<'a> Merge<'a> {
    pub(super) fn new(
        table: &'a Table,
        tenant: &TenantId,
        which: Which,
        targets: Vec<Target>,
        query: &DeliveryQuery,
    ) -> Self {
        let span = Span::of(query);
        let source = |target: Target| Source {
            pk: which.partition(tenant, &target),
            target,
            is_whole: span.is_empty(),
            span: span.clone(),
            read: VecDeque::new(),
        };
        Self {
            table,
            newest_first: !query.oldest_first,
            // A recovery looks once at what was missed.
            consistent: which == Which::Missed || query.consistent,
            sources: targets.into_iter().map(source).collect(),
        }
    }

    /// The next ones in order; fewer than asked for at the end.
    pub(super) async fn next(&mut self, wanted: usize) -> Result<Vec<Found>> {
        let stretch = (2 * wanted / self.sources.len().max(1)).max(STRETCH_MIN);
        let mut found = Vec::new();
        while found.len() < wanted {
            self.refill(stretch.min(wanted)).await?;
            let first = self.first();
            let Some(source) = first.and_then(|n| self.sources.get_mut(n)) else {
                break;
            };
            let target = source.target.clone();
            found.extend(source.read.pop_front().map(|item| Found { target, item }));
        }
        Ok(found)
    }

    /// The source whose next item is the next of all.
    fn first(&self) -> Option<usize> {
        let keys = self.sources.iter().enumerate();
        let keys =
            keys.filter_map(|(n, source)| Some((source.read.front().and_then(sort_key)?, n)));
        let first = if self.newest_first {
            keys.max()
        } else {
            keys.min()
        };
        first.map(|(_, n)| n)
    }

    /// Reads on wherever everything that was read is used up.
    async fn refill(&mut self, stretch: usize) -> Result<()> {
        let mut reads = JoinSet::new();
        for (n, source) in self.sources.iter().enumerate() {
            if source.read.is_empty() && !source.is_whole {
                let (table, range) = (self.table.clone(), self.range(source, stretch));
                reads.spawn(async move { (n, table.query(range).await) });
            }
        }
        while let Some(read) = reads.join_next().await {
            let (n, items) = read
                .map_err(|error| Error::internal("table", "a read was broken off").source(error))?;
            self.sources[n].take(items?, stretch, self.newest_first);
        }
        Ok(())
    }

    fn range(&self, source: &Source, stretch: usize) -> Range<'static> {
        Range {
            from: source.span.from.clone(),
            to: source.span.to.clone(),
            newest_first: self.newest_first,
            limit: stretch,
            consistent: self.consistent,
            ..Range::prefixed(source.pk.clone(), "")
        }
    }
}

impl Source {
    fn take(&mut self, items: Vec<Item>, asked: usize, newest_first: bool) {
        if let Some(last) = items.last().and_then(sort_key) {
            self.span.go_behind(last, newest_first);
        }
        self.is_whole = items.len() < asked || self.span.is_empty();
        self.read.extend(items);
    }
}

impl Span {
    fn of(query: &DeliveryQuery) -> Self {
        // Every sort key begins with a digit; ':' comes after them.
        let mut span = Self {
            from: query.from.map_or_else(|| "0".to_owned(), time_key),
            to: query.before.map_or_else(|| ":".to_owned(), time_key),
        };
        if let Some(after) = &query.after {
            let behind = sort_key_of(after.at, &after.id);
            span.go_behind(&behind, !query.oldest_first);
        }
        span
    }

    /// What comes after a sort key in the order; it may be outside the span.
    fn go_behind(&mut self, sort_key: &str, newest_first: bool) {
        if newest_first {
            let to = just_before(sort_key);
            if to < self.to {
                self.to = to;
            }
        } else {
            // '!' comes before every character of a sort key.
            let from = format!("{sort_key}!");
            if from > self.from {
                self.from = from;
            }
        }
    }

    /// DynamoDB refuses ends in the wrong order.
    fn is_empty(&self) -> bool {
        self.from > self.to
    }
}

/// A text before the sort key and after each that is smaller: '~' comes after every character of
/// one, and each ends in a digit.
fn just_before(sort_key: &str) -> String {
    let (rest, last) = sort_key.split_at(sort_key.len().saturating_sub(1));
    let before = last
        .bytes()
        .next()
        .map_or(b'/', |last| last.saturating_sub(1));
    format!("{rest}{}~", char::from(before))
}

#[cfg(test)]
mod tests {
    use fluxgate_core::id::{DeliveryId, TaskId};
    use fluxgate_core::time::Timestamp;
    use fluxgate_core::webhook::DeliveryCursor;

    use super::*;

    #[test]
    fn what_is_behind_a_place_is_what_was_not_read() {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();
        let ids = [0, 5, 10, 100, 101].map(|n| DeliveryId::of(&task, n));
        let mut keys: Vec<String> = [7, 8]
            .iter()
            .flat_map(|at| ids.iter().map(|id| sort_key_of(Timestamp(*at), id)))
            .collect();
        keys.sort();
        for (n, id) in keys.iter().enumerate() {
            let cursor: DeliveryCursor = crate::dynamodb::delivery_key::cursor_of(id).unwrap();
            for oldest_first in [true, false] {
                let span = Span::of(&DeliveryQuery {
                    oldest_first,
                    after: Some(cursor.clone()),
                    ..DeliveryQuery::default()
                });

                let inside = keys
                    .iter()
                    .filter(|key| span.from <= **key && **key <= span.to);

                let behind = if oldest_first {
                    &keys[n + 1..]
                } else {
                    &keys[..n]
                };
                assert_eq!(
                    inside.collect::<Vec<_>>(),
                    behind.iter().collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn times_end_a_span_before_the_later_one() {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();
        let key = |at| sort_key_of(Timestamp(at), &DeliveryId::of(&task, 0));
        let between = |from, before| {
            Span::of(&DeliveryQuery {
                from: Some(Timestamp(from)),
                before: Some(Timestamp(before)),
                ..DeliveryQuery::default()
            })
        };

        let span = between(7, 9);

        let inside = [6, 7, 8, 9].map(key);
        let inside = inside.map(|key| span.from <= key && key <= span.to);
        assert_eq!(inside, [false, true, true, false]);
        assert!(between(9, 7).is_empty());
    }
}
