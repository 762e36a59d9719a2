//! The sums of a range of days, as a store has them.

use super::{Origin, Sums};
use crate::base::day::Day;
use crate::domain::money::{Account, EntryKind, MicroUsd, Zone};

/// The sums of one day for one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRow {
    pub day: Day,
    pub origin: Origin,
    pub sums: Sums,
    /// Filled in from the tasks that an earlier release wrote, not written with its entries.
    pub is_filled: bool,
}

/// An account's balance (paid in, less spent) and what running tasks hold of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub balance: MicroUsd,
    pub held: MicroUsd,
}

impl Standing {
    pub fn of(account: &Account) -> Self {
        let Account {
            available,
            held,
            credit,
            ..
        } = account;
        Self {
            balance: MicroUsd(available.0 + held.0 - credit.0),
            held: *held,
        }
    }

    /// After these entries; before them if `times` is -1.
    #[must_use]
    pub fn moved(self, sums: &Sums, times: i64) -> Self {
        let by = |amount: MicroUsd, change: fn(EntryKind, MicroUsd) -> MicroUsd| {
            MicroUsd(amount.0.saturating_add(times * sums.total(change)))
        };
        Self {
            balance: by(self.balance, EntryKind::change),
            held: by(self.held, EntryKind::change_of_held),
        }
    }
}

/// What a store knows of a range of days, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDays {
    pub zone: Zone,
    /// False until the days before the sums began are filled in.
    pub is_complete: bool,
    /// In no particular order; several may be of one day and origin.
    pub rows: Vec<DayRow>,
    /// At the beginning of the first day from the range's first on that has sums which were
    /// written with their entries; now, if there is no such day.
    pub standing: Standing,
}

impl AccountDays {
    /// At the beginning of the range.
    pub fn opening(&self) -> Standing {
        self.filled()
            .fold(self.standing, |standing, row| standing.moved(&row.sums, -1))
    }

    /// At its end.
    pub fn closing(&self) -> Standing {
        let rows = self.rows.iter();
        rows.fold(self.opening(), |standing, row| standing.moved(&row.sums, 1))
    }

    pub fn total(&self) -> Sums {
        self.rows.iter().fold(Sums::default(), |mut total, row| {
            total.add(&row.sums);
            total
        })
    }

    fn filled(&self) -> impl Iterator<Item = &DayRow> {
        self.rows.iter().filter(|row| row.is_filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::domain::money::LedgerEntry;

    fn row(day: &str, kind: EntryKind, amount: i64, is_filled: bool) -> DayRow {
        let entry = LedgerEntry {
            kind,
            reference: "r".to_owned(),
            amount: MicroUsd(amount),
            at: Timestamp(0),
            reason: None,
        };
        DayRow {
            day: Day::parse(day).unwrap(),
            origin: Origin::default(),
            sums: Sums::of_entry(&entry),
            is_filled,
        }
    }

    #[test]
    fn the_days_of_a_range_lead_from_its_opening_to_its_closing() {
        let rows = vec![
            row("2026-11-01", EntryKind::TopUp, 100, true),
            row("2026-11-02", EntryKind::Hold, 30, true),
            row("2026-11-02", EntryKind::Capture, 20, false),
            row("2026-11-03", EntryKind::Release, 10, false),
        ];
        let standing = |balance, held| Standing {
            balance: MicroUsd(balance),
            held: MicroUsd(held),
        };

        let days = AccountDays {
            zone: Zone::default(),
            is_complete: true,
            rows,
            standing: standing(150, 30),
        };

        assert_eq!(days.opening(), standing(50, 0));
        assert_eq!(days.closing(), standing(130, 0));
        assert_eq!(days.total().amount(EntryKind::Capture), MicroUsd(20));
    }
}
