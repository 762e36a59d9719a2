//! Limits on one tenant's use of shared resources.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::rate::Rate;

/// A tenant's limits; absent fields are not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Average requests per second. Reading results does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100000)]
    pub requests_per_second: Option<u32>,
    /// Burst size; by default as many requests as are allowed per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100000)]
    pub burst: Option<u32>,
    /// Tasks in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4_294_967_295_u32)]
    pub tasks_in_flight: Option<u32>,
    /// The tenant's share of the provider's account, relative to the other tenants waiting at the
    /// same time; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub weight: Option<u32>,
}

impl Limits {
    pub const RATE_MAX: u32 = 100_000;
    pub const WEIGHT_MAX: u32 = 1_000;

    /// Kind `Invalid` with code `invalid_limit`, naming the field, for a limit of zero or out of
    /// bounds.
    pub fn check(&self) -> Result<()> {
        let fields = [
            (
                "requests_per_second",
                self.requests_per_second,
                Self::RATE_MAX,
            ),
            ("burst", self.burst, Self::RATE_MAX),
            ("tasks_in_flight", self.tasks_in_flight, u32::MAX),
            ("weight", self.weight, Self::WEIGHT_MAX),
        ];
        for (field, value, most) in fields {
            if value.is_some_and(|value| value == 0 || value > most) {
                let text = format!(
                    "a limit must be a whole number from 1 to {most}; leave it out for no limit, or suspend the tenant to allow nothing"
                );
                return Err(Error::invalid("invalid_limit", text).field(field));
            }
        }
        if self.burst.is_some() && self.requests_per_second.is_none() {
            let text = "burst has no effect without requests_per_second; set both";
            return Err(Error::invalid("invalid_limit", text).field("burst"));
        }
        Ok(())
    }

    /// The request rate; `None` if not limited.
    pub fn rate(&self) -> Option<Rate> {
        let per_second = self.requests_per_second?;
        Some(Rate {
            per_second,
            burst: self.burst.unwrap_or(per_second),
        })
    }

    pub fn weight(&self) -> u32 {
        self.weight.unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_and_a_burst_without_a_rate_are_refused_by_name() {
        let refused = |limits: Limits| {
            limits
                .check()
                .unwrap_err()
                .field
                .unwrap_or_default()
                .to_string()
        };

        assert_eq!(
            refused(Limits {
                tasks_in_flight: Some(0),
                ..Limits::default()
            }),
            "tasks_in_flight"
        );
        assert_eq!(
            refused(Limits {
                burst: Some(5),
                ..Limits::default()
            }),
            "burst"
        );
        assert_eq!(
            refused(Limits {
                weight: Some(1_001),
                ..Limits::default()
            }),
            "weight"
        );
        assert!(
            Limits {
                requests_per_second: Some(5),
                burst: Some(9),
                ..Limits::default()
            }
            .check()
            .is_ok()
        );
    }
}
