//! An API key as it is asked for and shown.

use std::collections::BTreeSet;

use fluxgate_core::app::{IssuedKey, KeyEnd, NewKey};
use fluxgate_core::day::Day;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::tenant::{ApiKey, KeyName, ModelPattern, Scope};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DAY_MS: u64 = 86_400_000;
/// Ten years.
const DAYS_MAX: u64 = 3_650;

/// What a new key is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// What you call it; 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// `submit` and `read` unless others are named.
    #[schema(value_type = Option<Vec<Scope>>)]
    scopes: Option<Vec<String>>,
    /// Days from now such as `90d`, a day such as `2027-03-01`, whose end in UTC it is, a time, or
    /// `never`. Not later than the end of the key that makes it. Unless it is given, 90 days or
    /// that end, whichever is sooner.
    expires: Option<String>,
    /// The models that it may run, by id, or by the beginning of one and `*`; without it, all.
    #[schema(max_items = 10)]
    models: Option<Vec<String>>,
    /// What its runs may cost in a month of the tenant's time zone, in USD.
    #[schema(pattern = "^[0-9]+(\\.[0-9]{1,6})?$")]
    monthly_usd: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRotation {
    /// How long the old key is valid beside the new one; 0 revokes it at once.
    #[serde(default = "overlap_s")]
    #[schema(maximum = 2_592_000, default = 86_400)]
    overlap_s: u64,
}

/// A day: long enough to bring the new key wherever it is used.
fn overlap_s() -> u64 {
    86_400
}

impl KeyRotation {
    pub(crate) fn overlap_ms(&self) -> u64 {
        self.overlap_s.saturating_mul(1_000)
    }
}

impl KeyRequest {
    pub(crate) fn parse(self, now: Timestamp) -> Result<NewKey> {
        let scopes = match &self.scopes {
            None => BTreeSet::from([Scope::Submit, Scope::Read]),
            Some(scopes) => scopes
                .iter()
                .map(|it| Scope::parse(it))
                .collect::<Result<_>>()?,
        };
        let models = self.models.unwrap_or_default();
        let models = models.iter().map(|it| ModelPattern::parse(it));
        let monthly = self.monthly_usd.as_deref().map(MicroUsd::parse_usd);
        Ok(NewKey {
            name: KeyName::parse(&self.name)?,
            scopes,
            end: match &self.expires {
                None => KeyEnd::Unsaid,
                Some(text) => end(text, now)?,
            },
            models: models.collect::<Result<_>>()?,
            monthly: monthly
                .transpose()
                .map_err(|error| error.field("monthly_usd"))?,
        })
    }
}

fn end(text: &str, now: Timestamp) -> Result<KeyEnd> {
    if text == "never" {
        return Ok(KeyEnd::Never);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    if let Some(days) = days.filter(|days| (1..=DAYS_MAX).contains(days)) {
        return Ok(KeyEnd::At(now.plus_ms(days * DAY_MS)));
    }
    let end_of_day = Day::parse(text).map(|day| day.first().plus_ms(DAY_MS));
    end_of_day
        .or_else(|| Timestamp::from_rfc3339(text))
        .map(KeyEnd::At)
        .ok_or_else(|| {
            let text = "say when the key expires: in days, such as '90d', up to ten years; with a day, such as '2027-03-01'; or 'never'";
            Error::invalid("invalid_key", text).field("expires")
        })
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    /// The token, in the answer that made it alone: send it as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    name: String,
    scopes: Vec<Scope>,
    /// `active` or `expired`.
    state: &'static str,
    created_at: String,
    /// `null` for one that does not expire.
    expires_at: Option<String>,
    /// To the hour; `null` for one that was never used.
    last_used_at: Option<String>,
    /// Empty if it may run all models.
    models: Vec<String>,
    /// What it may spend in a month; `null` for no limit of its own.
    monthly_usd: Option<f64>,
    /// What it has spent and holds in this month, together with the keys that it shares its limit
    /// with; of a key that is read by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    month_used_usd: Option<f64>,
    made_by: String,
    /// The keys that made it, from the first: with any of them it is revoked.
    makers: Vec<String>,
    /// The key that it took over from.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

impl KeyView {
    pub(crate) fn of(key: &ApiKey, now: Timestamp) -> Self {
        let limit = key.limit.as_ref();
        Self {
            id: key.id.to_string(),
            key: None,
            name: key.name.to_string(),
            scopes: key.scopes.iter().copied().collect(),
            state: if key.live().is_expired(now) {
                "expired"
            } else {
                "active"
            },
            created_at: key.created_at.rfc3339(),
            expires_at: key.expires_at.map(Timestamp::rfc3339),
            last_used_at: key.last_used_at.map(Timestamp::rfc3339),
            models: key.models.iter().map(ToString::to_string).collect(),
            monthly_usd: limit.map(|limit| limit.monthly_micro_usd.usd()),
            month_used_usd: None,
            made_by: key.made_by.as_str().to_owned(),
            makers: key.makers.iter().map(ToString::to_string).collect(),
            replaces: key.replaces.as_ref().map(ToString::to_string),
        }
    }

    /// With its token.
    pub(crate) fn issued(issued: &IssuedKey, now: Timestamp) -> Self {
        Self {
            key: Some(issued.token.expose().to_owned()),
            ..Self::of(&issued.key, now)
        }
    }

    pub(crate) fn with_use(self, used: Option<MicroUsd>) -> Self {
        Self {
            month_used_usd: used.map(MicroUsd::usd),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_key_expires_in_days_with_a_day_at_a_time_or_never() {
        let at = |time: &str| KeyEnd::At(Timestamp::from_rfc3339(time).unwrap());
        for (text, expected) in [
            ("never", KeyEnd::Never),
            ("90d", KeyEnd::At(NOW.plus_ms(90 * DAY_MS))),
            ("2027-03-01", at("2027-03-02T00:00:00Z")),
            ("2027-03-01T10:00:00+02:00", at("2027-03-01T08:00:00Z")),
        ] {
            assert_eq!(end(text, NOW).unwrap(), expected, "{text}");
        }
        for text in ["", "0d", "3651d", "90", "soon", "-1d"] {
            let error = end(text, NOW).unwrap_err();
            assert_eq!(
                (error.code, error.field.as_deref()),
                ("invalid_key", Some("expires"))
            );
        }
    }
}
