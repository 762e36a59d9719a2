//! Packs of ledger lines: what is left of tasks that were removed. A pack has one line for each
//! task, and is written in the transaction that says how far tasks were removed. Its sort key has
//! its last task, so that packs sort by time.

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::LedgerEntry;

use super::attribute::{Item, Reader, text};
use super::key::{Key, tenant_partition};
use super::movements::Movements;
use super::table::{Range, Table, sort_key};
use super::write::Write;

pub(super) const PACK_PREFIX: &str = "PACK#";
/// The first task of a pack.
const FIRST: &str = "first";
const LINES: &str = "lines";

/// A pack stays within this: an item holds 400 KB.
const PACK_BYTES_MAX: usize = 300_000;
/// Packs read at once: a page of DynamoDB's.
const PACKS_AT_ONCE: usize = 4;

/// So many of these lines, separated by new lines, fit in a pack.
pub(super) fn fitting(lines: &[String]) -> usize {
    let mut bytes = 0;
    let fits = |line: &&String| {
        bytes += line.len() + 1;
        bytes <= PACK_BYTES_MAX
    };
    lines.iter().take_while(fits).count()
}

/// The write of a pack of these lines, which nobody wrote before.
pub(super) fn put(tenant: &TenantId, first: &TaskId, last: &TaskId, lines: &[String]) -> Write {
    let item = Item::from([
        (FIRST.to_owned(), text(first.as_str())),
        (LINES.to_owned(), text(lines.join("\n"))),
    ]);
    let key = Key::of(tenant, format!("{PACK_PREFIX}{last}"));
    Write::put(key, item).when("attribute_not_exists(#pk)")
}

/// A tenant's packs in order, read a few at a time.
pub(super) struct Packs<'a> {
    table: &'a Table,
    tenant: &'a TenantId,
    from: String,
    is_done: bool,
}

/// The lines of one pack.
pub(super) struct Pack {
    pub(super) first: TaskId,
    item: Item,
}

impl<'a> Packs<'a> {
    /// Those with tasks from this one on; perhaps with a few before it.
    pub(super) fn from(table: &'a Table, tenant: &'a TenantId, first: &TaskId) -> Self {
        Self::begun(table, tenant, format!("{PACK_PREFIX}{first}"))
    }

    /// Those from this sort key on: [`PACK_PREFIX`], or what [`Self::rest`] said.
    pub(super) fn begun(table: &'a Table, tenant: &'a TenantId, from: String) -> Self {
        Self {
            table,
            tenant,
            from,
            is_done: false,
        }
    }

    /// Where those begin that were not read yet; `None` if all were.
    pub(super) fn rest(self) -> Option<String> {
        (!self.is_done).then_some(self.from)
    }

    /// Empty after the last.
    pub(super) async fn next(&mut self) -> Result<Vec<Pack>> {
        if self.is_done {
            return Ok(Vec::new());
        }
        let range = Range {
            from: self.from.clone(),
            limit: PACKS_AT_ONCE,
            ..Range::prefixed(tenant_partition(self.tenant), PACK_PREFIX)
        };
        let items = self.table.query(range).await?;
        self.is_done = items.len() < PACKS_AT_ONCE;
        if let Some(last) = items.last().and_then(sort_key) {
            // '!' sorts before every character of an id: this is what follows the last key.
            self.from = format!("{last}!");
        }
        items.into_iter().map(Pack::of).collect()
    }
}

impl Pack {
    fn of(item: Item) -> Result<Self> {
        let first = TaskId::parse(Reader(&item).text(FIRST)?)?;
        Ok(Self { first, item })
    }

    pub(super) fn entries(&self) -> Result<Vec<LedgerEntry>> {
        let mut entries = Vec::new();
        for line in Reader(&self.item).text(LINES)?.lines() {
            entries.extend(Movements::of_line(line)?.entries());
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_takes_as_many_lines_as_fit() {
        let lines = vec!["x".repeat(99); 4_000];

        assert_eq!(fitting(&lines), 3_000);
        assert_eq!(fitting(&lines[..7]), 7);
    }
}
