//! Usage grouped by day or month, by model, by API key, or by two of them.

use std::collections::BTreeMap;

use super::{Usage, UsageReport};
use crate::base::day::Day;
use crate::base::error::{Error, Result};
use crate::base::id::{KeyId, ModelId};
use crate::domain::money::Month;

/// One thing to group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    Day,
    Month,
    Model,
    /// The API key that a task was submitted with.
    Key,
}

impl GroupKey {
    const ALL: [Self; 4] = [Self::Day, Self::Month, Self::Model, Self::Key];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Model => "model",
            Self::Key => "key",
        }
    }
}

/// What to group usage by: one or two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    first: GroupKey,
    second: Option<GroupKey>,
}

impl Grouping {
    pub const DAY: Self = Self::by(GroupKey::Day);
    pub const MODEL: Self = Self::by(GroupKey::Model);
    pub const DAY_AND_MODEL: Self = Self {
        second: Some(GroupKey::Model),
        ..Self::DAY
    };

    pub const fn by(key: GroupKey) -> Self {
        Self {
            first: key,
            second: None,
        }
    }

    /// Parses one of `day`, `month`, `model` and `key`, or two with a comma; a month has its days
    /// within it. Fails with kind `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        let key = |name: &str| GroupKey::ALL.into_iter().find(|key| key.as_str() == name);
        let keys: Option<Vec<GroupKey>> = text.split(',').map(key).collect();
        let mut keys = keys.unwrap_or_default();
        keys.sort();
        match keys[..] {
            [first] => Ok(Self::by(first)),
            [first, second] if first != second && (first, second) != DAY_AND_MONTH => Ok(Self {
                first,
                second: Some(second),
            }),
            _ => Err(Error::invalid(
                "invalid_parameter",
                "usage can be grouped by 'day', 'month', 'model' or 'key', or by two of them such as 'day,model'; a day is in one month only",
            )),
        }
    }

    pub fn keys(self) -> impl Iterator<Item = GroupKey> {
        [Some(self.first), self.second].into_iter().flatten()
    }

    /// The names of the grouping columns, in order.
    pub fn names(self) -> Vec<&'static str> {
        self.keys().map(GroupKey::as_str).collect()
    }

    fn has(self, key: GroupKey) -> bool {
        self.keys().any(|it| it == key)
    }
}

const DAY_AND_MONTH: (GroupKey, GroupKey) = (GroupKey::Day, GroupKey::Month);

/// The usage of one group. What is not grouped by is `None`, and so is the key of tasks that were
/// submitted without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageGroup {
    pub day: Option<Day>,
    pub month: Option<Month>,
    pub model: Option<ModelId>,
    pub key: Option<KeyId>,
    pub usage: Usage,
}

impl UsageGroup {
    /// Its value of a key; empty if it has none.
    pub fn value(&self, key: GroupKey) -> String {
        let value = match key {
            GroupKey::Day => self.day.map(|day| day.to_string()),
            GroupKey::Month => self.month.map(|month| month.to_string()),
            GroupKey::Model => self.model.as_ref().map(ToString::to_string),
            GroupKey::Key => self.key.as_ref().map(ToString::to_string),
        };
        value.unwrap_or_default()
    }
}

impl UsageReport {
    /// One group for each value of the keys with usage, in their order.
    pub fn grouped(&self, grouping: Grouping) -> Vec<UsageGroup> {
        type Values = (Option<Day>, Option<Month>, Option<ModelId>, Option<KeyId>);
        let mut sums: BTreeMap<Values, Usage> = BTreeMap::new();
        for (row, usage) in &self.rows {
            let values = (
                grouping.has(GroupKey::Day).then_some(row.day),
                grouping
                    .has(GroupKey::Month)
                    .then(|| Month::of_day(row.day)),
                grouping.has(GroupKey::Model).then(|| row.model.clone()),
                row.key.clone().filter(|_| grouping.has(GroupKey::Key)),
            );
            sums.entry(values).or_default().add(usage);
        }
        let groups = sums.into_iter();
        let group = |((day, month, model, key), usage)| UsageGroup {
            day,
            month,
            model,
            key,
            usage,
        };
        groups.map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_keys_are_read_in_any_order() {
        let names = |text| Grouping::parse(text).map(Grouping::names).ok();

        assert_eq!(names("month"), Some(vec!["month"]));
        assert_eq!(names("model,day"), Some(vec!["day", "model"]));
        assert_eq!(names("key,month"), Some(vec!["month", "key"]));
        for text in ["", "hour", "day,day", "day,month", "day,model,key", "day,"] {
            assert_eq!(names(text), None, "{text:?}");
        }
    }
}
