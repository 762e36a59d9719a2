//! The memory of a process while it works: its own, and what it shares with the system's cache of
//! files.

use std::pin::pin;
use std::time::Duration;

use anyhow::Result;

use super::process::Process;

const SAMPLED_EVERY: Duration = Duration::from_millis(20);

/// Resident memory, in MB.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Resident {
    /// What the kernel calls resident: both of the others.
    pub(super) all_mb: f64,
    /// Heap and stacks (`RssAnon`): the system has it nowhere else.
    pub(super) own_mb: f64,
    /// Pages of the program and of other files (`RssFile`): the system can drop and read them
    /// again.
    pub(super) file_mb: f64,
}

impl Resident {
    /// The larger of each.
    pub(super) fn or_more(self, other: Self) -> Self {
        Self {
            all_mb: self.all_mb.max(other.all_mb),
            own_mb: self.own_mb.max(other.own_mb),
            file_mb: self.file_mb.max(other.file_mb),
        }
    }
}

/// Carries something out; the peaks of a process until then. That of all memory is the kernel's and
/// counts from the start of the process, the others are the largest that were seen meanwhile.
pub(super) async fn peak_during<T>(
    process: &Process,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Resident)> {
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(SAMPLED_EVERY);
    let mut peak = Resident::default();
    let done = loop {
        tokio::select! {
            done = &mut work => break done?,
            _ = ticks.tick() => peak = peak.or_more(process.resident()?),
        }
    };
    let peak = Resident {
        all_mb: process.peak_memory_mb()?,
        ..peak.or_more(process.resident()?)
    };
    Ok((done, peak))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_peak_is_told_by_its_parts() {
        let process = Process::spawn(Command::new("sleep").arg("60")).unwrap();

        let work = async {
            tokio::time::sleep(SAMPLED_EVERY * 3).await;
            Ok(7)
        };
        let (done, peak) = peak_during(&process, work).await.unwrap();

        assert_eq!(done, 7);
        assert!(peak.own_mb > 0.0 && peak.file_mb > 0.0, "{peak:?}");
        assert!(peak.all_mb >= peak.own_mb.max(peak.file_mb), "{peak:?}");
    }

    #[test]
    fn of_two_samples_the_larger_part_counts() {
        let sample = |own_mb, file_mb| Resident {
            all_mb: own_mb + file_mb,
            own_mb,
            file_mb,
        };

        let peak = sample(30.0, 10.0).or_more(sample(20.0, 25.0));

        let wanted = Resident {
            all_mb: 45.0,
            own_mb: 30.0,
            file_mb: 25.0,
        };
        assert_eq!(peak, wanted);
    }
}
