//! How long a group waits for others to join it: until it is as large as others were without
//! keeping all callers waiting, and never when its caller is alone.

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeMetrics};

/// Whether a caller waits for the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hurry {
    /// A tenant's request.
    Now,
    /// A background step. Groups wait for others only where there are such steps: submits alone
    /// come fast enough, and every one that is kept waiting sends no other meanwhile.
    Soon,
}

/// And while so many of their requests were background steps.
const SOON_SHARE: f64 = 0.25;
/// What the last ones were like says nothing after this time.
const RECENT: Duration = Duration::from_millis(50);
/// Weight of the last commit in the averages.
const WEIGHT: f64 = 0.2;
/// The group is looked at each time this has passed.
const LOOK: Duration = Duration::from_micros(500);
/// If so many looks find nobody new and no worker busy, all who could come wait for this group.
const EMPTY_LOOKS_MAX: u32 = 2;
/// Then the next one waits for this part of them, so that the others go on meanwhile.
const PART_OF_ALL: f64 = 0.25;
/// Otherwise it waits for this many times as many.
const GROWTH: f64 = 1.1;
const TARGET_MAX: f64 = 64.0;
/// A group waits for this many commits' time at most, and never longer than the other.
const WAIT_COMMITS_MAX: f64 = 16.0;
const WAIT_MAX: Duration = Duration::from_millis(8);

/// What the last commits were like.
pub(crate) struct Pace {
    /// Groups wait while the last ones had this many requests, and for at least as many. A lone
    /// caller, who waits for each of its own commits, never makes more than one.
    crowd: f64,
    /// How long the disk takes for one, in seconds.
    commit_s: f64,
    /// Requests in one, and background steps among them.
    requests: f64,
    soon: f64,
    last: Option<Instant>,
    /// The number of requests that a group waits for.
    target: f64,
}

impl Pace {
    pub(crate) fn of_crowds(crowd: f64) -> Self {
        Self {
            crowd,
            commit_s: 0.0,
            requests: 0.0,
            soon: 0.0,
            last: None,
            target: 0.0,
        }
    }

    /// A group was committed at this time, which took the disk so long.
    pub(crate) fn committed(
        &mut self,
        hurries: impl Iterator<Item = Hurry>,
        took: Duration,
        at: Instant,
    ) {
        let (mut requests, mut soon) = (0.0, 0.0);
        for hurry in hurries {
            requests += 1.0;
            soon += f64::from(u8::from(hurry == Hurry::Soon));
        }
        self.commit_s += WEIGHT * (took.as_secs_f64() - self.commit_s);
        self.requests += WEIGHT * (requests - self.requests);
        self.soon += WEIGHT * (soon - self.soon);
        self.last = Some(at);
    }

    /// For the group that begins now.
    pub(crate) fn patience(&self, now: Instant) -> Patience {
        let is_recent = self
            .last
            .is_some_and(|last| now.duration_since(last) < RECENT);
        let has_others = self.requests >= self.crowd && self.soon >= SOON_SHARE * self.requests;
        let max = Duration::from_secs_f64(self.commit_s * WAIT_COMMITS_MAX).min(WAIT_MAX);
        Patience {
            target: if is_recent && has_others {
                self.target.max(self.crowd) as usize
            } else {
                0
            },
            left: max,
            requests: 0,
            empty_looks: 0,
        }
    }

    /// From how a group's wait has ended.
    pub(crate) fn learn(&mut self, patience: &Patience) {
        let requests = patience.requests as f64;
        if patience.is_quiet() {
            self.target = requests * PART_OF_ALL;
        } else if patience.target > 0 && patience.requests >= patience.target {
            self.target = (self.target.max(self.crowd) * GROWTH).min(TARGET_MAX);
        }
    }
}

/// One group's wait.
pub(crate) struct Patience {
    /// Zero if it does not wait.
    target: usize,
    left: Duration,
    /// In the group at the last look.
    requests: usize,
    /// Looks one after the other that found nobody new.
    empty_looks: u32,
}

impl Patience {
    /// How long to wait before a group of so many is looked at again; `None` if it is to be
    /// committed.
    pub(crate) fn next(&mut self, requests: usize, workers: &Workers) -> Option<Duration> {
        if requests >= self.target {
            self.requests = requests;
            return None;
        }
        let may_others_come = self.requests == 0 || requests > self.requests || workers.any_busy();
        self.empty_looks = match may_others_come {
            true => 0,
            false => self.empty_looks + 1,
        };
        self.requests = requests;
        if self.is_quiet() {
            return None;
        }
        self.left = self.left.checked_sub(LOOK)?;
        Some(LOOK)
    }

    fn is_quiet(&self) -> bool {
        self.empty_looks >= EMPTY_LOOKS_MAX
    }
}

/// The threads of the runtime, on which whoever could join a group prepares to do so.
pub(crate) struct Workers(Option<RuntimeMetrics>);

impl Workers {
    /// Those of the runtime that this is called on. Without one, none is ever busy.
    pub(crate) fn current() -> Self {
        Self(Handle::try_current().ok().map(|handle| handle.metrics()))
    }

    /// False while all of them wait for something.
    fn any_busy(&self) -> bool {
        let Some(metrics) = &self.0 else {
            return false;
        };
        // An odd number of parks and their ends: it is parked.
        let is_busy = |worker| metrics.worker_park_unpark_count(worker).is_multiple_of(2);
        (0..metrics.num_workers()).any(is_busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROWD: f64 = 2.0;
    const IDLE: Workers = Workers(None);
    const COMMIT: Duration = Duration::from_millis(1);

    /// After many groups of so many requests of this kind, whose wait ended with their target.
    fn pace(requests: usize, hurry: Hurry, commit: Duration, at: Instant) -> Pace {
        let mut pace = Pace::of_crowds(CROWD);
        for _ in 0..100 {
            pace.committed((0..requests).map(|_| hurry), commit, at);
            let mut patience = pace.patience(at);
            assert_eq!(patience.next(1_000, &IDLE), None);
            pace.learn(&patience);
        }
        pace
    }

    /// How long a group of so many requests waits that others join before each look, and how many
    /// it has then.
    fn waits(patience: &mut Patience, mut requests: usize, joining: usize) -> (Duration, usize) {
        let mut waited = Duration::ZERO;
        while let Some(look) = patience.next(requests, &IDLE) {
            waited += look;
            requests += joining;
        }
        (waited, requests)
    }

    #[test]
    fn while_others_come_a_group_waits_for_many_of_them_up_to_a_bound() {
        let now = Instant::now();
        let crowd = pace(8, Hurry::Soon, COMMIT, now);

        let (fast, many) = waits(&mut crowd.patience(now), 1, 20);
        let (slow, few) = waits(&mut crowd.patience(now), 1, 1);

        assert!(fast < 3 * COMMIT && many >= 64, "{fast:?} {many}");
        assert!(slow > WAIT_MAX - 2 * LOOK && slow <= WAIT_MAX, "{slow:?}");
        assert!(few < 64);
    }

    #[test]
    fn a_lone_request_never_waits_nor_do_submits_alone() {
        let now = Instant::now();
        let lone = pace(1, Hurry::Soon, COMMIT, now);
        let submits = pace(30, Hurry::Now, COMMIT, now);
        let crowd = pace(8, Hurry::Soon, COMMIT, now);
        // The crowd has gone.
        let later = now + 2 * RECENT;

        for mut patience in [
            Pace::of_crowds(CROWD).patience(now),
            lone.patience(now),
            submits.patience(now),
            crowd.patience(later),
        ] {
            assert_eq!(patience.next(1, &IDLE), None);
        }
    }

    #[test]
    fn a_group_for_which_all_wait_is_committed_and_the_next_waits_for_a_part_of_them() {
        let now = Instant::now();
        let mut crowd = pace(8, Hurry::Soon, COMMIT, now);
        let mut patience = crowd.patience(now);

        let (waited, _) = waits(&mut patience, 12, 0);
        crowd.learn(&patience);

        assert_eq!(waited, 2 * LOOK);
        assert!(crowd.patience(now).next(2, &IDLE).is_some());
        assert_eq!(crowd.patience(now).next(3, &IDLE), None);
    }

    #[tokio::test]
    async fn while_a_worker_is_busy_a_group_waits_though_nobody_comes() {
        let now = Instant::now();
        let crowd = pace(8, Hurry::Soon, COMMIT, now);
        // The one that runs this test.
        let busy = Workers::current();
        let mut patience = crowd.patience(now);

        let waited = std::iter::from_fn(|| patience.next(1, &busy)).sum::<Duration>();

        assert!(waited > WAIT_MAX - 2 * LOOK, "{waited:?}");
        let idle = std::thread::spawn(Workers::current).join().unwrap();
        let mut patience = crowd.patience(now);
        let waited = std::iter::from_fn(|| patience.next(1, &idle)).sum::<Duration>();
        assert_eq!(waited, 2 * LOOK);
    }

    #[test]
    fn a_fast_disk_is_not_waited_for() {
        let now = Instant::now();
        let fast = pace(8, Hurry::Soon, Duration::from_micros(30), now);

        assert_eq!(fast.patience(now).next(1, &IDLE), None);
    }
}
