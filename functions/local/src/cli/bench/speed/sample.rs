//! What one round found, and the medians over rounds.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::children::Gateway;
use super::super::generator::Answers;
use super::super::median;
use super::super::resident::Resident;

/// Files occupy whole blocks.
const BLOCK_BYTES: usize = 4_096;

/// One round of one row. What is counted is counted for each request or task.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) count: f64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Peaks.
    pub(super) memory: Resident,
    pub(super) cpu_us: f64,
    pub(super) commits: f64,
    /// `None` where the gateway does not count them.
    pub(super) object_syncs: Option<f64>,
    pub(super) written_bytes: f64,
}

/// What a gateway has counted so far.
pub(super) struct Counters {
    pub(super) submits: u64,
    pub(super) completions: u64,
    commits: u64,
    object_syncs: Option<u64>,
    cpu_us: u64,
    written_bytes: u64,
}

impl Counters {
    pub(super) async fn of(gateway: &Gateway) -> Result<Self> {
        let metrics = gateway.metrics().await?;
        let used = gateway.child.used()?;
        Ok(Self {
            submits: metrics.sum("fluxgate_submits_total")?.unwrap_or(0),
            completions: metrics.sum("fluxgate_completions_total")?.unwrap_or(0),
            commits: metrics.sum("fluxgate_commits_total")?.unwrap_or(0),
            object_syncs: metrics.sum("fluxgate_object_syncs_total")?,
            cpu_us: used.cpu_us,
            written_bytes: used.written_bytes,
        })
    }

    /// What was counted between two looks, for each answer.
    pub(super) fn since(&self, before: &Self, answers: &Answers, memory: Resident) -> Sample {
        let each = |after: u64, before: u64| (after - before) as f64 / answers.count as f64;
        let syncs = self.object_syncs.zip(before.object_syncs);
        Sample {
            cpu_us: each(self.cpu_us, before.cpu_us),
            commits: each(self.commits, before.commits),
            object_syncs: syncs.map(|(after, before)| each(after, before)),
            written_bytes: each(self.written_bytes, before.written_bytes),
            ..Sample::of(answers, memory)
        }
    }
}

impl Sample {
    pub(super) fn of(answers: &Answers, memory: Resident) -> Self {
        Self {
            count: answers.count as f64,
            per_second: answers.count as f64 / answers.seconds,
            p50_ms: answers.p50_ms,
            p99_ms: answers.p99_ms,
            memory,
            ..Self::default()
        }
    }
}

/// The medians over rounds, and how far apart the rounds were. `proxied` are the same rounds of the
/// proxy.
pub(super) fn summed_up(samples: &[Sample], proxied: &[Sample], output_bytes: usize) -> Value {
    let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value));
    let ratios = samples.iter().zip(proxied);
    let ratios = ratios.map(|(sample, proxied)| sample.per_second / proxied.per_second);
    let syncs: Option<Vec<f64>> = samples.iter().map(|sample| sample.object_syncs).collect();
    let stored = output_bytes.next_multiple_of(BLOCK_BYTES) as f64;
    let peaks = samples.iter().map(|sample| sample.memory);
    let peaks = peaks.fold(Resident::default(), Resident::or_more);
    let written = of(|sample| sample.written_bytes);
    json!({
        "count": samples.iter().map(|sample| sample.count).sum::<f64>() as u64,
        "per_second": of(|sample| sample.per_second),
        "per_second_spread": spread(samples.iter().map(|sample| sample.per_second)),
        "times_proxy": median(ratios.clone()),
        "times_proxy_spread": spread(ratios),
        "p50_ms": of(|sample| sample.p50_ms), "p99_ms": of(|sample| sample.p99_ms),
        "cpu_us_each": of(|sample| sample.cpu_us),
        "commits_each": of(|sample| sample.commits),
        "object_syncs_each": syncs.map(median),
        "written_kb_each": written / 1e3,
        "written_kb_each_besides_output": (written - stored).max(0.0) / 1e3,
        "peak_memory_mb": peaks.all_mb, "peak_own_mb": peaks.own_mb,
        "peak_file_mb": peaks.file_mb,
    })
}

fn spread(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    [
        values.clone().fold(f64::INFINITY, f64::min),
        values.fold(0.0, f64::max),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round_and_the_median_is_told_with_its_spread() {
        let rates = |rates: [f64; 3]| {
            rates.map(|per_second| Sample {
                per_second,
                written_bytes: 60_000.0,
                ..Sample::default()
            })
        };

        let row = summed_up(
            &rates([50.0, 10.0, 30.0]),
            &rates([100.0, 100.0, 30.0]),
            50_000,
        );

        assert_eq!(row["per_second"], 30.0);
        assert_eq!(row["per_second_spread"], json!([10.0, 50.0]));
        assert_eq!(row["times_proxy"], 0.5);
        assert_eq!(row["times_proxy_spread"], json!([0.1, 1.0]));
        assert_eq!(row["object_syncs_each"], Value::Null);
        assert_eq!(
            row["written_kb_each_besides_output"],
            (60_000.0 - 53_248.0) / 1e3
        );
        assert_eq!(median([1.0, 2.0]), 1.5);
    }
}
