//! Writes of many bytes: one group takes few of them, in turn between tenants, so that the small
//! writes of others wait for one of them at most, and a tenant with one for no more than one of
//! each other's.

use std::collections::{HashMap, VecDeque};

use fluxgate_core::id::TenantId;

/// Writes of fewer bytes are written as they come.
pub(super) const LARGE_BYTES: usize = 64 * 1024;
/// Of large writes in one group, unless the first alone has more.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// How many bytes a write carries, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sqlite) struct Bulk {
    pub(super) tenant: TenantId,
    pub(super) bytes: usize,
}

impl Bulk {
    /// `None` for a write that is small enough to be written as it comes.
    pub(in crate::sqlite) fn of(tenant: &TenantId, bytes: usize) -> Option<Self> {
        (bytes > LARGE_BYTES).then(|| Self {
            tenant: tenant.clone(),
            bytes,
        })
    }
}

/// Large writes that wait for their turn.
pub(super) struct BulkQueue<R> {
    /// Of tenants that have any; the first is next.
    turns: VecDeque<TenantId>,
    waiting: HashMap<TenantId, VecDeque<(usize, R)>>,
    len: usize,
}

impl<R> BulkQueue<R> {
    pub(super) fn new() -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, bulk: Bulk, write: R) {
        let waiting = self.waiting.entry(bulk.tenant.clone()).or_default();
        if waiting.is_empty() {
            self.turns.push_back(bulk.tenant);
        }
        waiting.push_back((bulk.bytes, write));
        self.len += 1;
    }

    /// Those of the next group, and how many bytes they have. At least one, if any waits.
    pub(super) fn take(&mut self, group: &mut Vec<R>) -> usize {
        let mut taken = 0;
        while let Some(tenant) = self.turns.pop_front() {
            let waiting = self.waiting.entry(tenant.clone()).or_default();
            match waiting.pop_front_if(|(bytes, _)| taken == 0 || taken + *bytes <= GROUP_BYTES_MAX)
            {
                Some((bytes, write)) => {
                    group.push(write);
                    taken += bytes;
                    self.len -= 1;
                }
                None => {
                    self.turns.push_front(tenant);
                    break;
                }
            }
            if waiting.is_empty() {
                self.waiting.remove(&tenant);
            } else {
                self.turns.push_back(tenant);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn queue(writes: &[(&'static str, usize)]) -> BulkQueue<&'static str> {
        let mut queue = BulkQueue::new();
        for (name, bytes) in writes {
            // Its tenant is what precedes the number.
            let tenant = name.trim_end_matches(char::is_numeric).parse().unwrap();
            queue.push(Bulk::of(&tenant, *bytes).unwrap(), *name);
        }
        queue
    }

    /// The groups that they are written in.
    fn groups(mut queue: BulkQueue<&'static str>) -> Vec<Vec<&'static str>> {
        let groups = std::iter::from_fn(|| {
            let mut group = Vec::new();
            (queue.take(&mut group) > 0).then_some(group)
        });
        groups.collect()
    }

    #[test]
    fn a_tenant_with_one_large_write_does_not_wait_behind_all_of_another() {
        let heavy = ["heavy1", "heavy2", "heavy3", "heavy4"].map(|name| (name, 12 * MIB));
        let mut writes = heavy.to_vec();
        writes.extend([("one1", 12 * MIB), ("two1", 2 * MIB), ("two2", 2 * MIB)]);

        let order = groups(queue(&writes)).concat();

        let expected = [
            "heavy1", "one1", "two1", "heavy2", "two2", "heavy3", "heavy4",
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn a_group_has_a_mebibyte_of_large_writes_or_a_single_one() {
        let part = MIB * 2 / 5;
        let writes = [
            ("a1", 12 * MIB),
            ("b1", part),
            ("b2", part),
            ("b3", part),
            ("b4", part),
            ("b5", 2 * MIB),
        ];

        let groups = groups(queue(&writes));

        let expected = [vec!["a1"], vec!["b1", "b2"], vec!["b3", "b4"], vec!["b5"]];
        assert_eq!(groups, expected);
    }

    #[test]
    fn a_tenant_whose_writes_are_done_comes_again_in_its_turn() {
        let mut queue = queue(&[("a1", 2 * MIB), ("b1", 2 * MIB), ("b2", 2 * MIB)]);
        let mut group = Vec::new();
        queue.take(&mut group);
        queue.push(Bulk::of(&"a".parse().unwrap(), 2 * MIB).unwrap(), "a2");

        let rest = groups(queue).concat();

        assert_eq!((group, rest), (vec!["a1"], vec!["b1", "a2", "b2"]));
    }

    #[test]
    fn what_carries_little_is_no_large_write() {
        let tenant = "a".parse().unwrap();

        assert_eq!(Bulk::of(&tenant, LARGE_BYTES), None);
        assert!(Bulk::of(&tenant, LARGE_BYTES + 1).is_some());
    }
}
