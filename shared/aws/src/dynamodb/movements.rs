//! A task's movements on the account: from its item, and once that is removed from a line.

use fluxgate_core::Result;
use fluxgate_core::id::TaskId;
use fluxgate_core::money::{EntryKind, LedgerEntry, MicroUsd, Settlement};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, Reader, unreadable};
use super::task_item::{CAPTURED, HELD_AT, ON_CREDIT, RELEASED, SETTLED_AT, task_id};

/// The attributes that are read here.
pub(super) const MOVEMENTS: &str =
    "#sk, #price, #created_at, #held_at, #credit, #captured, #released, #since, #settled_at";

/// A task's hold, and how that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Movements {
    pub(super) task: TaskId,
    price: MicroUsd,
    on_credit: bool,
    end: Settlement,
    held_at: Timestamp,
    ended_at: Timestamp,
}

/// When the task was made.
pub(super) fn made_at(task: &Item) -> Result<Timestamp> {
    Reader(task).number("created_at").map(Timestamp)
}

/// Its hold, and how that ended.
pub(super) fn entries_of(task: &Item) -> Result<impl Iterator<Item = LedgerEntry> + use<>> {
    Movements::of_item(task).map(Movements::entries)
}

impl Movements {
    pub(super) fn of_item(task: &Item) -> Result<Self> {
        let reader = Reader(task);
        Ok(Self {
            task: task_id(task)?,
            price: MicroUsd(reader.number("price")?),
            on_credit: task.contains_key(ON_CREDIT),
            end: Settlement {
                capture: amount(reader, CAPTURED)?,
                release: amount(reader, RELEASED)?,
            },
            held_at: moment(reader, HELD_AT, "created_at")?,
            ended_at: moment(reader, SETTLED_AT, "since")?,
        })
    }

    pub(super) fn entries(self) -> impl Iterator<Item = LedgerEntry> {
        let Settlement { capture, release } = self.end;
        let lent = if self.on_credit {
            capture
        } else {
            MicroUsd::ZERO
        };
        let ends = [
            (EntryKind::Credit, lent, self.ended_at),
            (EntryKind::Capture, capture, self.ended_at),
            (EntryKind::Release, release, self.ended_at),
        ];
        let ends = ends
            .into_iter()
            .filter(|(_, amount, _)| *amount > MicroUsd::ZERO);
        let hold = (EntryKind::Hold, self.price, self.held_at);
        let all = [hold].into_iter().chain(ends);
        all.map(move |(kind, amount, at)| LedgerEntry {
            kind,
            reference: self.task.to_string(),
            amount,
            at,
            reason: None,
        })
    }

    /// Some 60 characters: the times follow from each other, and from the task's id.
    pub(super) fn to_line(&self) -> String {
        let Self { task, price, .. } = self;
        let held_ms = self.held_at.0 - task.made_at().0;
        let ended_ms = self.ended_at.0 - self.held_at.0;
        let Settlement { capture, release } = self.end;
        let credit = u8::from(self.on_credit);
        format!(
            "{task} {} {held_ms} {ended_ms} {} {} {credit}",
            price.0, capture.0, release.0
        )
    }

    pub(super) fn of_line(line: &str) -> Result<Self> {
        Self::parse(line).ok_or_else(|| unreadable("lines"))
    }

    fn parse(line: &str) -> Option<Self> {
        let (task, numbers) = line.split_once(' ')?;
        let task = TaskId::parse(task).ok()?;
        let numbers: Vec<i64> = numbers
            .split(' ')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        let &[price, held_ms, ended_ms, capture, release, credit] = numbers.as_slice() else {
            return None;
        };
        let held_at = Timestamp(task.made_at().0.checked_add(held_ms)?);
        Some(Self {
            task,
            price: MicroUsd(price),
            on_credit: credit == 1,
            end: Settlement {
                capture: MicroUsd(capture),
                release: MicroUsd(release),
            },
            held_at,
            ended_at: Timestamp(held_at.0.checked_add(ended_ms)?),
        })
    }
}

/// When the ledger has an entry, which may be later than what caused it.
fn moment(reader: Reader<'_>, recorded: &str, caused: &str) -> Result<Timestamp> {
    match reader.optional_number(recorded)? {
        Some(at) => Ok(Timestamp(at)),
        None => reader.number(caused).map(Timestamp),
    }
}

/// Zero if there is none.
fn amount(reader: Reader<'_>, name: &str) -> Result<MicroUsd> {
    Ok(MicroUsd(reader.optional_number(name)?.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_the_item_said() {
        let task = TaskId::lowest_at(Timestamp(1_787_618_961_479));
        let movements = Movements {
            held_at: task.made_at().plus_ms(3),
            ended_at: Timestamp(task.made_at().0 + 86_400_000),
            task,
            price: MicroUsd(80_000),
            on_credit: true,
            end: Settlement {
                capture: MicroUsd(79_999),
                release: MicroUsd(1),
            },
        };

        let line = movements.to_line();

        assert!(line.len() < 80, "{line}");
        assert_eq!(Movements::of_line(&line).unwrap(), movements);
        assert_eq!(movements.entries().count(), 4);
    }

    #[test]
    fn a_line_of_something_else_is_refused() {
        let id = "0".repeat(32);
        for line in ["", &id, "x 1 2 3 4 5 0", &format!("{id} 1 2 3 4 5")] {
            assert_eq!(Movements::of_line(line).unwrap_err().code, "row_unreadable");
        }
    }
}
