//! Cached answers: found ones for their TTL, others only briefly, so that a broken name is not
//! looked up again at once, but works soon after it is fixed.

use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::answer::{Answer, Answered};

const NAMES_MAX: usize = 4_096;
/// A name that moved is followed after this time at most, whatever its TTL.
const FOUND_MAX: Duration = Duration::from_secs(300);
const ABSENT_MAX: Duration = Duration::from_secs(30);
/// Below the first wait between two callbacks, so that the second one looks the name up again.
const UNANSWERED: Duration = Duration::from_secs(3);

pub(super) struct NameCache(Cache<Box<str>, CachedAnswer>);

#[derive(Clone)]
struct CachedAnswer {
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
        let cached = self.0.get(name)?;
        (Instant::now() < cached.until).then_some(cached.answer)
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
                CachedAnswer {
                    answer: answered.answer.clone(),
                    until: Instant::now() + time,
                },
            );
        }
    }
}
