//! Usage as CSV for spreadsheets (RFC 4180).

use super::{Grouping, UsageGroup};
use crate::base::csv::{Cell, csv as table};

const SUMS: [&str; 8] = [
    "requests",
    "completed",
    "failed",
    "charged_micro_usd",
    "charged_usd",
    "unarchived",
    "refunded_micro_usd",
    "refunded_usd",
];

/// A header line and one line per group, each ended by CRLF.
pub fn csv(grouping: Grouping, groups: &[UsageGroup]) -> String {
    let header = grouping.names().into_iter().chain(SUMS);
    table(header, groups.iter().map(|group| cells(grouping, group)))
}

fn cells(grouping: Grouping, group: &UsageGroup) -> Vec<Cell> {
    let usage = &group.usage;
    let keys = grouping.keys().map(|key| Cell::text(&group.value(key)));
    let sums = [
        Cell::number(&usage.requests),
        Cell::number(&usage.completed),
        Cell::number(&usage.failed),
        Cell::number(&usage.charged.0),
        Cell::number(&usage.charged.decimal()),
        Cell::number(&usage.unarchived),
        Cell::number(&usage.refunded.0),
        Cell::number(&usage.refunded.decimal()),
    ];
    keys.chain(sums).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::day::Day;
    use crate::base::id::ModelId;
    use crate::domain::metering::usage::Usage;
    use crate::domain::money::MicroUsd;

    #[test]
    fn each_group_is_a_line_with_exact_amounts() {
        let usage = Usage {
            requests: 3,
            completed: 2,
            failed: 1,
            charged: MicroUsd(160_001),
            refunded: MicroUsd(20_000),
            unarchived: 1,
        };
        let day = Day::parse("2026-11-22");
        let both = UsageGroup {
            day,
            model: ModelId::parse("a/b").ok(),
            usage,
            ..UsageGroup::default()
        };
        let by_day = UsageGroup {
            model: None,
            ..both.clone()
        };

        let sums = "requests,completed,failed,charged_micro_usd,charged_usd,unarchived,refunded_micro_usd,refunded_usd\r\n";
        let text = csv(Grouping::DAY_AND_MODEL, &[both]);
        assert_eq!(
            text,
            format!("day,model,{sums}2026-11-22,a/b,3,2,1,160001,0.160001,1,20000,0.02\r\n")
        );
        assert_eq!(
            csv(Grouping::DAY, &[by_day]),
            format!("day,{sums}2026-11-22,3,2,1,160001,0.160001,1,20000,0.02\r\n")
        );
        assert_eq!(csv(Grouping::MODEL, &[]), format!("model,{sums}"));
    }
}
