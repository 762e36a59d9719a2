//! Upload tickets: a URL that is itself the right to put one file, once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

const TICKETS_MAX: usize = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) filename: String,
    pub(crate) size: usize,
    pub(crate) content_type: String,
}

#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<String, Ticket>,
    oldest_first: VecDeque<String>,
}

impl Tickets {
    pub(crate) fn issue(&self, id: String, ticket: Ticket) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.by_id.insert(id.clone(), ticket);
        open.oldest_first.push_back(id);
        if open.oldest_first.len() > TICKETS_MAX
            && let Some(oldest) = open.oldest_first.pop_front()
        {
            open.by_id.remove(&oldest);
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<Ticket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }

    /// False when somebody else used it first.
    pub(crate) fn redeem(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_id.remove(id).is_some()
    }
}
