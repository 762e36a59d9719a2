//! Usage grouped by day, by model, or by both.

use std::collections::BTreeMap;

use super::{Usage, UsageReport};
use crate::base::day::Day;
use crate::base::error::{Error, Result};
use crate::base::id::ModelId;

/// What to group usage by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    Day,
    Model,
    DayAndModel,
}

impl Grouping {
    /// Parses `day`, `model`, or both with a comma. Fails with kind `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "day" => Ok(Self::Day),
            "model" => Ok(Self::Model),
            "day,model" | "model,day" => Ok(Self::DayAndModel),
            _ => Err(Error::invalid(
                "invalid_parameter",
                "usage can be grouped by 'day', 'model' or 'day,model'",
            )),
        }
    }

    /// The names of the grouping columns, in order.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Day => &["day"],
            Self::Model => &["model"],
            Self::DayAndModel => &["day", "model"],
        }
    }
}

/// The usage of one day, one model, or one model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageGroup {
    pub day: Option<Day>,
    pub model: Option<ModelId>,
    pub usage: Usage,
}

impl UsageReport {
    /// One group for each day or model with usage, ordered by both.
    pub fn grouped(&self, grouping: Grouping) -> Vec<UsageGroup> {
        let mut sums: BTreeMap<(Option<Day>, Option<ModelId>), Usage> = BTreeMap::new();
        for ((day, model), usage) in &self.rows {
            let group = match grouping {
                Grouping::Day => (Some(*day), None),
                Grouping::Model => (None, Some(model.clone())),
                Grouping::DayAndModel => (Some(*day), Some(model.clone())),
            };
            sums.entry(group).or_default().add(usage);
        }
        sums.into_iter()
            .map(|((day, model), usage)| UsageGroup { day, model, usage })
            .collect()
    }
}
