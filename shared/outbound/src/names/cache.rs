//! Answers kept for a while: found ones as long as their servers allow, the others for moments, so
//! that a name that does not work is not asked for again at once and works soon after it was
//! mended.

use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::answer::{Answer, Answered};

const NAMES_MAX: usize = 4_096;
/// A name that was moved is followed after this long, whatever its servers said.
const FOUND_MAX: Duration = Duration::from_secs(300);
const ABSENT_MAX: Duration = Duration::from_secs(30);
/// Below the first wait between two callbacks, so that the second asks anew.
const UNANSWERED: Duration = Duration::from_secs(3);

pub(super) struct NameCache(Cache<Box<str>, Kept>);

#[derive(Clone)]
struct Kept {
    answer: Answer,
    until: Instant,
}

impl Default for NameCache {
    fn default() -> Self {
        Self(Cache::new(NAMES_MAX))
    }
}

impl NameCache {
    pub(super) fn get(&self, name: &str) -> Option<Answer> {
        let kept = self.0.get(name)?;
        (Instant::now() < kept.until).then_some(kept.answer)
    }

    pub(super) fn keep(&self, name: &str, answered: &Answered) {
        let time = match answered.answer {
            Answer::Found(_) => answered.ttl.min(FOUND_MAX),
            Answer::NoSuchName => answered.ttl.min(ABSENT_MAX),
            Answer::Unanswered => UNANSWERED,
        };
        if !time.is_zero() {
            self.0.insert(
                name.into(),
                Kept {
                    answer: answered.answer.clone(),
                    until: Instant::now() + time,
                },
            );
        }
    }
}
