//! Destinations that refuse outputs, as this process has seen them. While one does, its tenant's
//! outputs are not fetched for nothing: one copy at a time finds out whether it takes them again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::error::Error;
use crate::base::id::TenantId;
use crate::base::retry::Growing;
use crate::base::time::Timestamp;
use crate::domain::tenant::Destination;

/// Tenants whose destinations are known as broken; those of more are tried each time.
const BROKEN_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Broken(Mutex<HashMap<TenantId, Break>>);

struct Break {
    /// Another one may be good.
    of: Destination,
    error: Error,
    failures: u32,
    /// Whoever comes first after this finds out.
    try_at: Timestamp,
}

impl Broken {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Break>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing need be fetched for this destination now.
    pub(super) fn refusal(
        &self,
        (tenant, to): (&TenantId, &Destination),
        retry: Growing,
        now: Timestamp,
    ) -> Option<Error> {
        let mut all = self.lock();
        let known = all.get_mut(tenant).filter(|known| known.of == *to)?;
        if now < known.try_at {
            return Some(known.error.clone());
        }
        // The others wait for what comes of this try.
        known.failures = known.failures.saturating_add(1);
        known.try_at = now.plus_ms(pause_ms(retry, known.failures));
        None
    }

    pub(super) fn refused(
        &self,
        (tenant, to): (&TenantId, &Destination),
        error: &Error,
        retry: Growing,
        now: Timestamp,
    ) {
        let mut all = self.lock();
        let is_full = all.len() >= BROKEN_MAX;
        match all.get_mut(tenant).filter(|known| known.of == *to) {
            Some(known) => known.error = error.clone(),
            None if is_full => {}
            None => {
                let known = Break {
                    of: to.clone(),
                    error: error.clone(),
                    failures: 0,
                    try_at: now.plus_ms(pause_ms(retry, 0)),
                };
                all.insert(tenant.clone(), known);
            }
        }
    }

    pub(super) fn accepted(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }
}

/// Half of what a job waits after as many failures, so that it finds the pause over.
fn pause_ms(retry: Growing, failures: u32) -> u64 {
    retry.delay_ms(failures) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Growing = Growing {
        first_ms: 1_000,
        max_ms: 300_000,
    };

    fn bucket(name: &str) -> Destination {
        Destination {
            bucket: name.to_owned(),
            ..Destination::default()
        }
    }

    #[test]
    fn one_copy_at_a_time_finds_out_whether_a_broken_destination_takes_outputs_again() {
        let (broken, tenant) = (Broken::default(), TenantId::parse("acme").unwrap());
        let (to, other) = (bucket("outputs"), bucket("mended"));
        let denied = Error::unavailable("bucket_denied", "allow s3:PutObject");
        let tried = |to: &Destination, at: i64| {
            let refusal = broken.refusal((&tenant, to), RETRY, Timestamp(at));
            refusal.is_none()
        };

        assert!(tried(&to, 0));
        broken.refused((&tenant, &to), &denied, RETRY, Timestamp(0));

        let tries: Vec<i64> = (0..10_000)
            .step_by(100)
            .filter(|at| tried(&to, *at))
            .collect();
        assert_eq!(tries, [500, 1_500, 3_500, 7_500]);
        assert!(tried(&other, 7_600), "another destination may be good");
        broken.accepted(&tenant);
        assert!(tried(&to, 7_600) && tried(&to, 7_600));
    }
}
