//! How many connections each listener accepts, and how long a client may stall one.

use std::num::{NonZeroU64, NonZeroUsize};

use fluxgate_listen::ConnectionBounds;
use serde::{Deserialize, Serialize};

/// The settings table `[connections]`. Values left out follow from the number of files that the
/// process may open, or from the defaults of [`ConnectionBounds`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSettings {
    /// Connections to the API; the buckets get half as many, the emulator a quarter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_max: Option<NonZeroUsize>,
    /// The same, from one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_per_address_max: Option<NonZeroUsize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_timeout_ms: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_timeout_ms: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second_min: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_timeout_ms: Option<NonZeroU64>,
}

/// The bounds of each of the three listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listeners {
    pub(crate) api: ConnectionBounds,
    pub(crate) buckets: ConnectionBounds,
    pub(crate) emulator: ConnectionBounds,
    /// How many of the buckets' connections may download from one bucket.
    pub(crate) downloads_per_bucket_max: usize,
}

/// At most this many connections, even if more files may be open: they also need memory.
const OPEN_MAX: usize = 10_000;
/// At least this many connections, even if fewer files may be open.
const OPEN_LEAST: usize = 16;
/// Files for everything but the listeners: the database, callbacks, outputs in transit.
const OWN_FILES_MAX: u64 = 1_024;

impl ConnectionSettings {
    /// The bounds for a process that may open this many files.
    pub(crate) fn listeners(&self, files: u64) -> Listeners {
        let most = open_max(files);
        let open_max = self.open_max.map_or(most, NonZeroUsize::get);
        if open_max > most {
            tracing::warn!(
                open_max,
                "connections.open_max is too high for a process that may open {files} files: raise that limit (ulimit -n)"
            );
        }
        let bounds = |divisor: usize| {
            let open_max = (open_max / divisor).max(1);
            let of_one = self
                .open_per_address_max
                .map_or(open_max / 2, |most| most.get() / divisor);
            self.with(open_max, of_one.clamp(1, open_max))
        };
        let (api, buckets, emulator) = (bounds(1), bounds(2), bounds(4));
        let downloads_per_bucket_max = (buckets.open_max / 4).max(1);
        Listeners {
            api,
            buckets,
            emulator,
            downloads_per_bucket_max,
        }
    }

    fn with(&self, open_max: usize, open_per_address_max: usize) -> ConnectionBounds {
        let defaults = ConnectionBounds::default();
        let or = |set: Option<NonZeroU64>, default| set.map_or(default, NonZeroU64::get);
        ConnectionBounds {
            open_max,
            open_per_address_max,
            head_timeout_ms: or(self.head_timeout_ms, defaults.head_timeout_ms),
            idle_timeout_ms: or(self.idle_timeout_ms, defaults.idle_timeout_ms),
            stall_timeout_ms: or(self.stall_timeout_ms, defaults.stall_timeout_ms),
            bytes_per_second_min: or(self.bytes_per_second_min, defaults.bytes_per_second_min),
            body_timeout_ms: or(self.body_timeout_ms, defaults.body_timeout_ms),
            ..defaults
        }
    }
}

/// A connection to the API may need another one to the provider, and one to a bucket may need a
/// file: two files for each of `n` connections to the API, two for each of `n / 2` to the buckets,
/// and one for each of `n / 4` to the emulator.
fn open_max(files: u64) -> usize {
    let files = files - OWN_FILES_MAX.min(files / 4);
    usize::try_from(files * 4 / 13)
        .unwrap_or(usize::MAX)
        .clamp(OPEN_LEAST, OPEN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(settings: &ConnectionSettings, files: u64) -> [(usize, usize); 3] {
        let Listeners {
            api,
            buckets,
            emulator,
            ..
        } = settings.listeners(files);
        [api, buckets, emulator].map(|bounds| (bounds.open_max, bounds.open_per_address_max))
    }

    #[test]
    fn the_caps_follow_from_the_files_that_may_be_open_and_leave_some() {
        let settings = ConnectionSettings::default();

        assert_eq!(most(&settings, 1_024), [(236, 118), (118, 59), (59, 29)]);
        assert_eq!(
            most(&settings, 1_048_576),
            [(10_000, 5_000), (5_000, 2_500), (2_500, 1_250)]
        );
        assert_eq!(most(&settings, 0), [(16, 8), (8, 4), (4, 2)]);
        assert_eq!(settings.listeners(1_024).downloads_per_bucket_max, 29);
    }

    #[test]
    fn what_is_set_is_taken_and_no_address_has_more_than_there_are() {
        let settings = ConnectionSettings {
            open_max: NonZeroUsize::new(3),
            open_per_address_max: NonZeroUsize::new(100),
            head_timeout_ms: NonZeroU64::new(7),
            ..ConnectionSettings::default()
        };

        assert_eq!(most(&settings, 20_000), [(3, 3), (1, 1), (1, 1)]);
        assert_eq!(settings.listeners(20_000).buckets.head_timeout_ms, 7);
    }
}
