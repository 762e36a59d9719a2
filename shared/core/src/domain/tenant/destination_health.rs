//! Whether a tenant's destination takes outputs, by the copies that are made anyway: a break is
//! told once, and its end once.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// What a copy found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationSeen {
    Accepts,
    Refuses(DestinationRefusal),
}

/// Why nothing can be written, by the tenant's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRefusal {
    pub bucket: String,
    pub code: &'static str,
    /// Says what the tenant can do.
    pub message: String,
}

/// What was told of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationHealth {
    /// How often it has broken.
    #[serde(default)]
    breaks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broken: Option<DestinationBreak>,
}

/// It refuses outputs, and that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationBreak {
    pub since: Timestamp,
    pub bucket: String,
    pub code: String,
}

/// What has not been told yet, and which time it is that the destination has broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationChange {
    Failing(DestinationRefusal, u64),
    Recovered(DestinationBreak, u64),
}

impl DestinationSeen {
    /// Of two copies of about the same time, a refusal counts.
    pub(crate) fn or(self, other: Self) -> Self {
        match self {
            Self::Refuses(_) => self,
            Self::Accepts => other,
        }
    }
}

impl DestinationHealth {
    pub(crate) fn is_untold(&self) -> bool {
        *self == Self::default()
    }

    /// What is to be told, if it is new. That a broken destination refuses for another reason is
    /// not.
    pub(crate) fn see(
        &mut self,
        seen: &DestinationSeen,
        now: Timestamp,
    ) -> Option<DestinationChange> {
        match (seen, self.broken.take()) {
            (DestinationSeen::Accepts, None) => None,
            (DestinationSeen::Accepts, Some(broken)) => {
                Some(DestinationChange::Recovered(broken, self.breaks))
            }
            (DestinationSeen::Refuses(_), Some(broken)) => {
                self.broken = Some(broken);
                None
            }
            (DestinationSeen::Refuses(refusal), None) => {
                self.breaks += 1;
                self.broken = Some(DestinationBreak {
                    since: now,
                    bucket: refusal.bucket.clone(),
                    code: refusal.code.to_owned(),
                });
                Some(DestinationChange::Failing(refusal.clone(), self.breaks))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(code: &'static str) -> DestinationSeen {
        DestinationSeen::Refuses(DestinationRefusal {
            bucket: "acme-outputs".to_owned(),
            code,
            message: "allow s3:PutObject".to_owned(),
        })
    }

    #[test]
    fn a_break_and_its_end_are_told_once_whatever_the_reasons_between() {
        let mut health = DestinationHealth::default();
        let seen = [
            DestinationSeen::Accepts,
            refuses("bucket_denied"),
            refuses("bucket_denied"),
            refuses("bucket_missing"),
            DestinationSeen::Accepts,
            DestinationSeen::Accepts,
            refuses("role_denied"),
        ];

        let told = seen.iter().zip(1..).filter_map(|(seen, at)| {
            Some(match health.see(seen, Timestamp(at))? {
                DestinationChange::Failing(refusal, time) => (at, refusal.code.to_owned(), time),
                DestinationChange::Recovered(ended, time) => {
                    (at, format!("since {}", ended.since.0), time)
                }
            })
        });

        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                (2, "bucket_denied".to_owned(), 1),
                (5, "since 2".to_owned(), 1),
                (7, "role_denied".to_owned(), 2)
            ]
        );
    }

    #[test]
    fn of_two_copies_the_refused_one_counts() {
        let refused = refuses("bucket_denied");

        assert_eq!(DestinationSeen::Accepts.or(refused.clone()), refused);
        assert_eq!(refused.clone().or(DestinationSeen::Accepts), refused);
    }
}
