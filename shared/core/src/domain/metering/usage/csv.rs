//! Usage as CSV for spreadsheets (RFC 4180).

use csv::{Terminator, WriterBuilder};

use super::{Grouping, UsageGroup};

const SUMS: [&str; 6] = [
    "requests",
    "completed",
    "failed",
    "charged_micro_usd",
    "charged_usd",
    "unarchived",
];

/// A header line and one line per group, each ended by CRLF.
pub fn csv(grouping: Grouping, groups: &[UsageGroup]) -> String {
    let header = grouping.names().iter().chain(&SUMS);
    let header = header.map(|name| (*name).to_owned()).collect();
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for record in std::iter::once(header).chain(groups.iter().map(fields)) {
        writer
            .write_record(record)
            .expect("memory takes every record, and all have as many fields");
    }
    let bytes = writer.into_inner().expect("memory takes what is left");
    String::from_utf8(bytes).expect("texts and commas are UTF-8")
}

fn fields(group: &UsageGroup) -> Vec<String> {
    let usage = &group.usage;
    let keys = [
        group.day.map(|day| day.to_string()),
        group.model.as_ref().map(ToString::to_string),
    ];
    let counts = [usage.requests, usage.completed, usage.failed].map(|count| count.to_string());
    let charged = [
        usage.charged.0.to_string(),
        usage.charged.decimal(),
        usage.unarchived.to_string(),
    ];
    keys.into_iter()
        .flatten()
        .chain(counts)
        .chain(charged)
        .collect()
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
            unarchived: 1,
        };
        let day = Day::parse("2026-11-22");
        let both = UsageGroup {
            day,
            model: ModelId::parse("a/b").ok(),
            usage,
        };
        let by_day = UsageGroup {
            model: None,
            ..both.clone()
        };

        let sums = "requests,completed,failed,charged_micro_usd,charged_usd,unarchived\r\n";
        let text = csv(Grouping::DayAndModel, &[both]);
        assert_eq!(
            text,
            format!("day,model,{sums}2026-11-22,a/b,3,2,1,160001,0.160001,1\r\n")
        );
        assert_eq!(
            csv(Grouping::Day, &[by_day]),
            format!("day,{sums}2026-11-22,3,2,1,160001,0.160001,1\r\n")
        );
        assert_eq!(csv(Grouping::Model, &[]), format!("model,{sums}"));
    }
}
