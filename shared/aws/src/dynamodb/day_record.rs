//! Adds an entry to its day, with the write of the account that it belongs to: no other item, and
//! no read. The write is refused if the account's day is another one, and then it comes again with
//! the item that was found.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::day_sums::{OpenDay, Origin, Standing, Sums};
use fluxgate_core::money::{Account, LedgerEntry, MicroUsd, Zone};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, number, text};
use super::day_attributes::{
    self as attributes, DAY, DAY_HELD, ENTRIES, FROM, MONTH, ORIGINS, UNTIL, add_beside, day_key,
    numbers, of_day,
};
use super::write::Write;
use super::{account, json_item};

/// Origins with their sums in the account's item. One more has an item of its own.
const ORIGINS_MAX: usize = 8;
/// Origins whose item of their own is remembered; then all are forgotten.
const BESIDE_MAX: usize = 10_000;

/// The writes of an entry beside its account's: a day that is over, and an origin's own item.
pub(super) const BESIDE_WRITES_MAX: usize = 2;

/// What the days of an account take of an entry.
pub(super) struct DayEntry<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) at: Timestamp,
    pub(super) origin: Origin,
    /// By the beginning of the open day's month.
    pub(super) sums: &'a (dyn Fn(Timestamp) -> Sums + Send + Sync),
    /// When the task that ends was held.
    pub(super) held_at: Option<Timestamp>,
}

/// An entry's writes.
pub(super) struct Recorded {
    /// `None` if there is nothing to write.
    pub(super) account: Option<Write>,
    pub(super) beside: Vec<Write>,
    /// When the ledger has the entry.
    pub(super) at: Timestamp,
}

/// What a process knows of the days of its table.
#[derive(Debug, Clone, Default)]
pub(super) struct Days {
    /// Entries from this moment on are added up.
    since: Arc<OnceLock<Timestamp>>,
    /// Hints: the open day of origins that have an item of their own.
    beside: Arc<Mutex<HashMap<(TenantId, Origin), OpenDay>>>,
}

impl Days {
    pub(super) fn begin(&self, since: Timestamp) {
        self.since.get_or_init(|| since);
    }

    /// From the beginning, unless an older release wrote to the table.
    pub(super) fn since(&self) -> Timestamp {
        self.since.get().copied().unwrap_or(Timestamp(0))
    }

    /// The writes of an entry whose account is written so; over the account's item if that was
    /// seen, else over what it is believed to be.
    pub(super) fn record(
        &self,
        base: Write,
        entry: &DayEntry<'_>,
        seen: Option<&Item>,
    ) -> Result<Recorded> {
        let Some(item) = seen else {
            return Ok(self.unseen(base, entry));
        };
        let Some(open) = attributes::open_day(item)? else {
            return self.first(base, entry, item);
        };
        let of = account::of_item(item)?;
        let now = open.at(&of.zone(), entry.at);
        if now == open {
            return self.added_to_open(base, entry, item, open);
        }
        let base = base
            .and("#day = :day_was AND #day_n = :day_n_was")
            .with(":day_was", text(open.day.to_string()))
            .with(
                ":day_n_was",
                item.get(ENTRIES).cloned().unwrap_or(number(0)),
            );
        let mut recorded = self.begun(base, entry, item, now, &of);
        recorded.beside.push(closed(entry.tenant, item, open)?);
        Ok(recorded)
    }

    /// Believes that the open day holds the entry and has room for its origin, and that a task was
    /// submitted in the month of its end.
    fn unseen(&self, base: Write, entry: &DayEntry<'_>) -> Recorded {
        if entry.at < self.since() {
            let account = unless_empty(base).map(|base| base.and("attribute_not_exists(#day)"));
            return recorded(account, entry.at);
        }
        let base = in_day(base, entry.at);
        let base = match entry.held_at {
            None => base,
            Some(held_at) => base
                .and("#day_month <= :entry_held_at")
                .with(":entry_held_at", number(held_at.0)),
        };
        let sums = (entry.sums)(Timestamp(i64::MIN));
        match self.open_beside(entry) {
            Some(open) => beside(on(base, open), entry, open, &sums),
            None => match attributes::tag(&entry.origin) {
                Some(tag) => within(base, entry, &tag, &sums),
                // Refused, so that the day becomes known.
                None => recorded(Some(base.and("attribute_not_exists(#pk)")), entry.at),
            },
        }
    }

    /// As [`Self::unseen`], of several entries. `None` if they do not fit into one write.
    pub(super) fn unseen_together(&self, base: Write, entries: &[DayEntry<'_>]) -> Option<Write> {
        let first = entries.iter().map(|entry| entry.at).min()?;
        let last = entries.iter().map(|entry| entry.at).max()?;
        let held_at = entries.iter().filter_map(|entry| entry.held_at).min()?;
        if first < self.since() {
            return None;
        }
        let mut by_tag: BTreeMap<String, (&Origin, Sums)> = BTreeMap::new();
        for entry in entries {
            let tag = attributes::tag(&entry.origin)?;
            let (origin, sums) = by_tag
                .entry(tag)
                .or_insert_with(|| (&entry.origin, Sums::default()));
            if **origin != entry.origin || self.open_beside(entry).is_some() {
                return None;
            }
            sums.add(&(entry.sums)(Timestamp(i64::MIN)));
        }
        let base = in_day(base, first)
            .and(":entry_last < #day_until AND #day_month <= :entry_held_at")
            .with(":entry_last", number(last.0))
            .with(":entry_held_at", number(held_at.0))
            .add(ENTRIES, number(entries.len() as u64));
        Some(within_each(base, by_tag))
    }

    fn added_to_open(
        &self,
        base: Write,
        entry: &DayEntry<'_>,
        item: &Item,
        open: OpenDay,
    ) -> Result<Recorded> {
        let at = open.time_of(entry.at);
        let base = on(in_day(base, at), open);
        let sums = (entry.sums)(open.month_from);
        let tags = attributes::tags(item)?;
        let spelt = text(attributes::origin_text(&entry.origin));
        let tag = attributes::tag(&entry.origin).filter(|tag| {
            let is_there = tags.contains(tag) && item.get(tag) == Some(&spelt);
            is_there || (tags.len() < ORIGINS_MAX && !tags.contains(tag))
        });
        let mut recorded = match tag {
            Some(tag) => within(base, entry, &tag, &sums),
            None => {
                self.remember(entry, open);
                beside(base, entry, open, &sums)
            }
        };
        recorded.at = at;
        Ok(recorded)
    }

    /// Opens the first day of an account.
    fn first(&self, base: Write, entry: &DayEntry<'_>, item: &Item) -> Result<Recorded> {
        if entry.at < self.since() {
            let account = unless_empty(base).map(|base| base.and("attribute_not_exists(#day)"));
            return Ok(recorded(account, entry.at));
        }
        let of = account::of_item(item)?;
        let open = OpenDay::first(&of.zone(), entry.at, self.since());
        let base = account::unmoved(base.and("attribute_not_exists(#day)"), item);
        Ok(self.begun(base, entry, item, open, &of))
    }

    /// Begins a day in the account's item with this entry.
    fn begun(
        &self,
        base: Write,
        entry: &DayEntry<'_>,
        item: &Item,
        open: OpenDay,
        of: &Account,
    ) -> Recorded {
        let mut values: HashMap<String, Option<AttributeValue>> = item
            .keys()
            .filter(|name| name.starts_with("o_") || *name == ORIGINS)
            .map(|name| (name.clone(), None))
            .collect();
        let mut set = |name: &str, value| values.insert(name.to_owned(), Some(value));
        for (name, value) in of_day(&open, Standing::of(of)) {
            set(name, value);
        }
        set(ENTRIES, number(1));
        let sums = (entry.sums)(open.month_from);
        let mut more = Vec::new();
        match attributes::tag(&entry.origin) {
            Some(tag) => {
                set(ORIGINS, AttributeValue::Ss(vec![tag.clone()]));
                set(&tag, text(attributes::origin_text(&entry.origin)));
                for (name, value) in numbers(&sums, &tag) {
                    set(&name, value);
                }
            }
            None => {
                self.remember(entry, open);
                more.push(add_beside(
                    entry.tenant,
                    open.day,
                    &entry.origin,
                    &sums,
                    false,
                ));
            }
        }
        let account = values.into_iter().fold(base, |write, (name, value)| {
            write.set_or_remove(&name, value)
        });
        Recorded {
            account: Some(account),
            beside: more,
            at: open.time_of(entry.at),
        }
    }

    fn open_beside(&self, entry: &DayEntry<'_>) -> Option<OpenDay> {
        let known = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let open = known.get(&(entry.tenant.clone(), entry.origin.clone()));
        open.copied().filter(|open| open.holds(entry.at))
    }

    fn remember(&self, entry: &DayEntry<'_>, open: OpenDay) {
        let mut known = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= BESIDE_MAX {
            known.clear();
        }
        known.insert((entry.tenant.clone(), entry.origin.clone()), open);
    }
}

/// What the submit of a task adds, and its end.
pub(super) fn of_hold(price: MicroUsd) -> impl Fn(Timestamp) -> Sums + Send + Sync {
    move |_| Sums::of_hold(price)
}

/// An entry that no task makes.
pub(super) fn of_entry(entry: &LedgerEntry) -> impl Fn(Timestamp) -> Sums + Send + Sync {
    let sums = Sums::of_entry(entry);
    move |_| sums.clone()
}

/// When the ledger has the hold of a task.
pub(super) fn held_at(task: &Task) -> Timestamp {
    task.hold.held_at.unwrap_or(task.created_at)
}

/// Lets the open day end no earlier than the next date begins in the account's new zone.
pub(super) fn change_zone(write: Write, item: &Item, zone: &Zone, now: Timestamp) -> Result<Write> {
    let Some(open) = attributes::open_day(item)? else {
        return Ok(write.and("attribute_not_exists(#day)"));
    };
    let changed = open.in_zone(zone, now);
    if changed == open {
        return Ok(on(write, open));
    }
    let write = on(write, open)
        .and("#day_until = :day_until_was")
        .with(":day_until_was", number(open.until.0));
    Ok(write.set(UNTIL, number(changed.until.0)))
}

fn recorded(account: Option<Write>, at: Timestamp) -> Recorded {
    Recorded {
        account,
        beside: Vec::new(),
        at,
    }
}

fn unless_empty(write: Write) -> Option<Write> {
    Some(write).filter(Write::changes_anything)
}

/// Only while the open day holds this moment.
fn in_day(write: Write, at: Timestamp) -> Write {
    write
        .and("#day_from <= :entry_at AND :entry_at < #day_until")
        .with(":entry_at", number(at.0))
}

/// Only while this day is open.
fn on(write: Write, open: OpenDay) -> Write {
    write
        .and("#day = :day_is")
        .with(":day_is", text(open.day.to_string()))
}

/// Adds to the sums in the account's item.
fn within(base: Write, entry: &DayEntry<'_>, tag: &str, sums: &Sums) -> Recorded {
    let spelt = text(attributes::origin_text(&entry.origin));
    let room = "(attribute_not_exists(#day_origins) OR contains(#day_origins, :origin) \
                OR size(#day_origins) < :origins_max)";
    let write = base
        .and(room)
        .and(&format!(
            "(attribute_not_exists(#{tag}) OR #{tag} = :{tag})"
        ))
        .with(":origin", text(tag))
        .with(":origins_max", number(ORIGINS_MAX as u64))
        .set(tag, spelt)
        .add(ENTRIES, number(1))
        .add(ORIGINS, AttributeValue::Ss(vec![tag.to_owned()]));
    let added = numbers(sums, tag).into_iter();
    let write = added.fold(write, |write, (name, value)| write.add(&name, value));
    recorded(Some(write), entry.at)
}

/// Adds to the sums of several origins in the account's item, if it had room for all of them even
/// if each is new.
fn within_each(base: Write, by_tag: BTreeMap<String, (&Origin, Sums)>) -> Write {
    let room = ORIGINS_MAX.saturating_sub(by_tag.len() - 1);
    let tags: Vec<String> = by_tag.keys().cloned().collect();
    let mut write = base.with(":origins_max", number(room as u64));
    for (n, (tag, (origin, sums))) in by_tag.into_iter().enumerate() {
        write = write
            .and(&format!(
                "(attribute_not_exists(#day_origins) OR contains(#day_origins, :origin_{n}) \
                 OR size(#day_origins) < :origins_max)"
            ))
            .and(&format!(
                "(attribute_not_exists(#{tag}) OR #{tag} = :{tag})"
            ))
            .with(&format!(":origin_{n}"), text(&tag))
            .set(&tag, text(attributes::origin_text(origin)));
        for (name, value) in numbers(&sums, &tag) {
            write = write.add(&name, value);
        }
    }
    write.add(ORIGINS, AttributeValue::Ss(tags))
}

/// Adds to the sums in an item of the origin's own.
fn beside(base: Write, entry: &DayEntry<'_>, open: OpenDay, sums: &Sums) -> Recorded {
    Recorded {
        account: Some(base.add(ENTRIES, number(1))),
        beside: vec![add_beside(
            entry.tenant,
            open.day,
            &entry.origin,
            sums,
            false,
        )],
        at: entry.at,
    }
}

/// The item of a day that is over. It never changes.
fn closed(tenant: &TenantId, item: &Item, open: OpenDay) -> Result<Write> {
    let rows = json_item::to_text(&attributes::rows(item)?)?;
    let lasting = [FROM, UNTIL, MONTH, attributes::BALANCE, DAY_HELD];
    let mut day: Item = lasting
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())))
        .collect();
    day.insert(DAY.to_owned(), text(open.day.to_string()));
    day.insert(attributes::ROWS.to_owned(), text(rows));
    Ok(Write::put(day_key(tenant, open.day), day))
}
