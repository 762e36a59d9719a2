//! Reads that take long: this process works on one of each tenant at a time and on a few in all,
//! and the others wait their turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::{Error, Kind, Result, Retry, counted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When a refused client should come again.
const RETRY_MS: u64 = 1_000;
/// How long an answer is written before it gives way to other requests.
const STRETCH: Duration = Duration::from_millis(1);

/// The long reads under way. Those of tenants and those of operators are counted apart.
pub struct Reads {
    at_once: usize,
    waiting_max: usize,
    /// One for each that is worked on.
    in_all: Arc<Semaphore>,
    by_subject: Mutex<HashMap<Subject, OfSubject>>,
}

/// What is read. Of each, `at_once` are worked on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Tenant(TenantId),
    /// All tenants.
    Tenants,
    /// What the provider billed, which takes as long as the provider does.
    Bills,
}

/// There only while the subject has a read.
struct OfSubject {
    reads: usize,
    turns: Arc<Semaphore>,
}

/// One read being worked on. The next one begins when this is dropped.
pub(crate) struct Turn {
    since: Instant,
    /// Given back before the read is discounted, so that no more than `at_once` are worked on.
    _permits: [Option<OwnedSemaphorePermit>; 2],
    _counted: Counted,
}

/// A read that waits or is worked on, discounted when it is dropped.
struct Counted {
    reads: Arc<Reads>,
    subject: Subject,
}

impl Reads {
    pub fn new(bounds: &Bounds) -> Self {
        Self {
            at_once: bounds.reads_at_once.max(1),
            waiting_max: bounds.reads_waiting_max,
            in_all: Arc::new(Semaphore::new(bounds.reads_in_all.max(1))),
            by_subject: Mutex::default(),
        }
    }

    /// For a long read that begins. Kind `Busy` with code `too_many_reads` if too many of the
    /// tenant's wait already.
    pub(crate) async fn turn(self: &Arc<Self>, tenant: &TenantId) -> Result<Turn> {
        self.turn_of(Subject::Tenant(tenant.clone())).await
    }

    /// The same for any subject.
    pub(crate) async fn turn_of(self: &Arc<Self>, subject: Subject) -> Result<Turn> {
        let most = self.at_once.saturating_add(self.waiting_max);
        let (counted, turns) = self.count(subject, most)?;
        Ok(Turn::when_free(counted, turns).await)
    }

    /// For the next part of an answer that has begun: never refused.
    pub(crate) async fn next_turn(self: &Arc<Self>, tenant: &TenantId) -> Result<Turn> {
        let (counted, turns) = self.count(Subject::Tenant(tenant.clone()), usize::MAX)?;
        Ok(Turn::when_free(counted, turns).await)
    }

    fn count(self: &Arc<Self>, subject: Subject, most: usize) -> Result<(Counted, Arc<Semaphore>)> {
        let mut by_subject = self.lock();
        let of_subject = by_subject
            .entry(subject.clone())
            .or_insert_with(|| OfSubject {
                reads: 0,
                turns: Arc::new(Semaphore::new(self.at_once)),
            });
        if of_subject.reads >= most {
            return Err(too_many(of_subject.reads));
        }
        of_subject.reads += 1;
        let counted = Counted {
            reads: self.clone(),
            subject,
        };
        Ok((counted, of_subject.turns.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, OfSubject>> {
        self.by_subject
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    async fn when_free(counted: Counted, turns: Arc<Semaphore>) -> Self {
        // Fails only for a semaphore that was closed, and none is. Who waits for a place among all
        // has the turn of its tenant: so tenants take turns, however many reads of one wait.
        let of_subject = turns.acquire_owned().await.ok();
        let in_all = counted.reads.in_all.clone().acquire_owned().await.ok();
        Self {
            since: Instant::now(),
            _permits: [in_all, of_subject],
            _counted: counted,
        }
    }

    /// To be awaited between the parts of an answer: after a while other requests go first.
    pub(crate) async fn give_way(&mut self) {
        if self.since.elapsed() >= STRETCH {
            tokio::task::yield_now().await;
            self.since = Instant::now();
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut by_subject = self.reads.lock();
        if let Some(of_subject) = by_subject.get_mut(&self.subject) {
            of_subject.reads -= 1;
            if of_subject.reads == 0 {
                by_subject.remove(&self.subject);
            }
        }
    }
}

fn too_many(reads: usize) -> Error {
    let text = format!(
        "{} of lists, results or usage wait for their turn already; send the next when an earlier one is answered, and ask for fewer at once",
        counted(reads, "request")
    );
    Error::new(Kind::Busy, "too_many_reads", text).retry(Retry::AfterMs(RETRY_MS))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_second_read_of_a_tenant_waits_while_another_tenant_s_goes_through() {
        let reads = Arc::new(Reads::new(&Bounds {
            reads_at_once: 1,
            reads_waiting_max: 1,
            ..Bounds::default()
        }));
        let tenant = |id| TenantId::parse(id).expect("a valid id");
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let turn = |tenant: &TenantId| {
            let (reads, tenant) = (reads.clone(), tenant.clone());
            Box::pin(async move { reads.turn(&tenant).await })
        };
        let first = turn(&acme).now_or_never();
        assert!(matches!(first, Some(Ok(_))));

        let mut second = turn(&acme);
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        let refused = turn(&acme).now_or_never();
        let refused = refused.and_then(Result::err).map(|error| error.code);
        assert_eq!(refused, Some("too_many_reads"));
        assert!(matches!(turn(&globex).now_or_never(), Some(Ok(_))));
        let begun = reads.next_turn(&acme).now_or_never();
        assert!(begun.is_none(), "an answer that has begun waits, as all do");

        drop(first);
        assert!(matches!(second.now_or_never(), Some(Ok(_))));
        assert!(reads.lock().is_empty());
    }

    #[test]
    fn a_few_are_worked_on_in_all_and_tenants_take_turns() {
        let reads = Arc::new(Reads::new(&Bounds {
            reads_at_once: 1,
            reads_in_all: 2,
            ..Bounds::default()
        }));
        let turn = |id: &str| {
            let (reads, tenant) = (reads.clone(), TenantId::parse(id).expect("a valid id"));
            Box::pin(async move { reads.turn(&tenant).await })
        };
        let first = turn("acme").now_or_never();
        let of_all = Box::pin(reads.turn_of(Subject::Tenants)).now_or_never();
        assert!(matches!((&first, &of_all), (Some(Ok(_)), Some(Ok(_)))));

        let (mut again, mut other) = (turn("acme"), turn("globex"));
        assert!(again.as_mut().now_or_never().is_none());
        assert!(other.as_mut().now_or_never().is_none(), "two are worked on");
        drop(first);

        assert!(again.as_mut().now_or_never().is_none(), "globex was first");
        assert!(matches!(other.now_or_never(), Some(Ok(_))));
        assert!(matches!(again.now_or_never(), Some(Ok(_))));
    }
}
