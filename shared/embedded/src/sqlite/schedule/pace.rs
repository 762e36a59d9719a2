//! How many jobs of a part are handed out a second, evenly.

use fluxgate_core::time::Timestamp;

/// What was not used is saved for so long: jobs come in small groups, and no flood of them.
const SAVED_MAX_US: u64 = 20_000;

const SECOND_US: u64 = 1_000_000;

pub(super) struct Pace {
    /// The time that one job takes up.
    job_us: u64,
    /// What was saved by `at`.
    saved_us: u64,
    at: Timestamp,
}

impl Pace {
    pub(super) fn per_second(jobs: u32) -> Self {
        Self {
            job_us: (SECOND_US / u64::from(jobs.max(1))).max(1),
            saved_us: 0,
            at: Timestamp(0),
        }
    }

    /// How many jobs may be handed out now.
    pub(super) fn room(&mut self, now: Timestamp) -> usize {
        let passed_us = now.since_ms(self.at).saturating_mul(1_000);
        let saved_us = self.saved_us.saturating_add(passed_us);
        self.saved_us = saved_us.min(SAVED_MAX_US.max(self.job_us));
        self.at = now;
        usize::try_from(self.saved_us / self.job_us).unwrap_or(usize::MAX)
    }

    /// That many were.
    pub(super) fn spend(&mut self, jobs: usize) {
        let used_us = self.job_us.saturating_mul(jobs as u64);
        self.saved_us = self.saved_us.saturating_sub(used_us);
    }

    /// Milliseconds until a small group may be handed out; 0 if one job may.
    pub(super) fn next_in_ms(&self, now: Timestamp) -> u64 {
        let passed_us = now.since_ms(self.at).saturating_mul(1_000);
        let saved_us = self.saved_us.saturating_add(passed_us);
        if saved_us >= self.job_us {
            return 0;
        }
        let wanted_us = self.job_us.max(SAVED_MAX_US / 2);
        (wanted_us - saved_us).div_ceil(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_come_evenly_and_no_more_than_the_pace_allows() {
        for per_second in [1, 7, 500, 5_000] {
            let mut pace = Pace::per_second(per_second);
            let (mut most, mut all) = (0, 0);
            let mut now = Timestamp(1_000_000);
            for _ in 0..10_000 {
                let room = pace.room(now);
                pace.spend(room);
                most = most.max(room);
                all += room;
                now = now.plus_ms(pace.next_in_ms(now).clamp(1, 1_000));
            }
            let seconds = now.since_ms(Timestamp(1_000_000)) as f64 / 1e3;
            let seen = all as f64 / seconds;
            let wanted = f64::from(per_second);
            assert!(
                (seen - wanted).abs() <= wanted / 10.0 + 1.0,
                "{seen} of {wanted}"
            );
            assert!(most <= (per_second as usize / 50).max(1), "{most} at once");
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_for_long() {
        let mut pace = Pace::per_second(100);

        let after_an_hour = pace.room(Timestamp(3_600_000));
        pace.spend(after_an_hour);

        assert_eq!((after_an_hour, pace.room(Timestamp(3_600_000))), (2, 0));
        assert_eq!(pace.next_in_ms(Timestamp(3_600_000)), 10);
        assert_eq!(pace.next_in_ms(Timestamp(3_600_010)), 0);
    }
}
