//! How long a model's runs take, learnt from the last ones, and when to ask for a run again where
//! asking is the only way to learn of its end.

use std::collections::HashMap;

use crate::base::id::ModelId;
use crate::base::retry::Growing;

/// Models remembered at once: more than one provider lists.
const MODELS_MAX: usize = 2_048;
/// The part of an estimate that each run replaces.
const WEIGHT: u64 = 4;
/// Around its expected end a run is asked for after this part of its length.
const STEP_PART: u64 = 8;
/// Without an expectation, and long after it, after this part of its age.
const AGE_PART: u64 = 6;

/// Expected lengths by model. Nothing is stored: a process learns from the runs that it sees.
#[derive(Debug, Default)]
pub struct RunLengths {
    by_model: HashMap<ModelId, Learnt>,
    /// Runs learnt from.
    runs: u64,
}

#[derive(Debug)]
struct Learnt {
    length_ms: u64,
    last_run: u64,
}

impl RunLengths {
    /// Takes a completed run into account; if there are too many models, the one that was run
    /// longest ago is forgotten.
    pub fn learn(&mut self, model: &ModelId, length_ms: u64) {
        self.runs += 1;
        let last_run = self.runs;
        if let Some(learnt) = self.by_model.get_mut(model) {
            let before = learnt.length_ms.saturating_mul(WEIGHT - 1);
            learnt.length_ms = before.saturating_add(length_ms) / WEIGHT;
            learnt.last_run = last_run;
            return;
        }
        if self.by_model.len() >= MODELS_MAX {
            let oldest = self
                .by_model
                .iter()
                .min_by_key(|(_, learnt)| learnt.last_run);
            if let Some(oldest) = oldest.map(|(model, _)| model.clone()) {
                self.by_model.remove(&oldest);
            }
        }
        let learnt = Learnt {
            length_ms,
            last_run,
        };
        self.by_model.insert(model.clone(), learnt);
    }

    /// `None` before the first run.
    pub fn expected_ms(&self, model: &ModelId) -> Option<u64> {
        self.by_model.get(model).map(|learnt| learnt.length_ms)
    }
}

/// How long to wait before a run of this age is asked for again: until shortly before its expected
/// end, then in small steps until long after it, then less often the older it gets. Never longer
/// than the bound of the watch.
pub fn poll_after_ms(expected_ms: Option<u64>, age_ms: u64, watch: Growing) -> u64 {
    let by_age = (age_ms / AGE_PART).max(watch.first_ms);
    let delay_ms = match expected_ms {
        None => by_age,
        Some(expected_ms) => {
            let step_ms = (expected_ms / STEP_PART).max(watch.first_ms / 2);
            let start_ms = expected_ms.saturating_sub(step_ms);
            if age_ms < start_ms {
                start_ms - age_ms
            } else if age_ms < expected_ms.saturating_mul(2) {
                step_ms
            } else {
                by_age.max(step_ms)
            }
        }
    };
    delay_ms.min(watch.max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCH: Growing = Growing {
        first_ms: 1_000,
        max_ms: 15_000,
    };

    /// The ages at which a run of this length is asked for, up to the one that sees its end.
    fn polls(expected_ms: Option<u64>, length_ms: u64) -> Vec<u64> {
        // The first look is made without an estimate.
        let mut ages = vec![WATCH.first_ms];
        while ages[ages.len() - 1] < length_ms {
            let age_ms = ages[ages.len() - 1];
            ages.push(age_ms + poll_after_ms(expected_ms, age_ms, WATCH));
        }
        ages
    }

    fn model(n: usize) -> ModelId {
        ModelId::parse(&format!("a/model-{n}")).unwrap()
    }

    #[test]
    fn an_end_is_seen_soon_with_and_without_an_estimate() {
        // A run that is shorter than expected is seen before its expected end.
        for (expected_ms, shortest_ms) in [(None, 500), (Some(5_000), 4_300)] {
            for length_ms in (shortest_ms..6_000).step_by(100) {
                let seen = *polls(expected_ms, length_ms).last().unwrap();
                let late_ms = seen - length_ms;
                assert!(
                    late_ms <= 1_000,
                    "{expected_ms:?}: {length_ms}, {late_ms} late"
                );
            }
        }
        for length_ms in [60_000, 600_000] {
            let late = |expected| polls(expected, length_ms).last().unwrap() - length_ms;
            assert!(late(None) <= length_ms / AGE_PART, "{}", late(None));
            assert!(late(Some(length_ms)) <= length_ms / STEP_PART);
        }
    }

    #[test]
    fn an_estimate_saves_polls_and_a_wrong_one_costs_few() {
        assert!(polls(Some(5_000), 5_000).len() <= 4);
        assert!(polls(None, 5_000).len() <= 6);
        assert!(polls(Some(60_000), 60_000).len() < polls(None, 60_000).len());
        // However long a run takes, it is asked for as often as the watch says at most.
        let hour = polls(Some(1_000), 3_600_000).len();
        assert!(hour <= 3_600 / 15 + 40, "{hour}");
    }

    #[test]
    fn no_bound_makes_a_delay_of_nothing_or_beyond_the_watch() {
        let backwards = Growing {
            first_ms: 60_000,
            max_ms: 1_000,
        };
        for expected_ms in [None, Some(0), Some(5_000), Some(u64::MAX)] {
            for age_ms in [0, 999, 5_000, u64::MAX] {
                let delay_ms = poll_after_ms(expected_ms, age_ms, WATCH);
                assert!(
                    (1..=WATCH.max_ms).contains(&delay_ms),
                    "{expected_ms:?} {age_ms}"
                );
                assert!(poll_after_ms(expected_ms, age_ms, backwards) <= 1_000);
            }
        }
    }

    #[test]
    fn an_estimate_follows_the_last_runs() {
        let mut lengths = RunLengths::default();
        assert_eq!(lengths.expected_ms(&model(1)), None);

        lengths.learn(&model(1), 8_000);
        assert_eq!(lengths.expected_ms(&model(1)), Some(8_000));
        for _ in 0..20 {
            lengths.learn(&model(1), 2_000);
        }
        let expected_ms = lengths.expected_ms(&model(1)).unwrap();
        assert!((2_000..2_100).contains(&expected_ms), "{expected_ms}");
        assert_eq!(lengths.expected_ms(&model(2)), None);
    }

    #[test]
    fn the_models_remembered_are_bounded() {
        let mut lengths = RunLengths::default();
        for n in 0..=MODELS_MAX {
            lengths.learn(&model(n), 1_000);
        }
        assert_eq!(lengths.by_model.len(), MODELS_MAX);
        assert_eq!(lengths.expected_ms(&model(0)), None);
        assert!(lengths.expected_ms(&model(MODELS_MAX)).is_some());
    }
}
