//! Upload tickets: a URL that accepts one file, once, without a key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

const TICKETS_MAX: usize = 10_000;

/// What the client announced, and where the file will be available.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) size: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Tickets(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    by_token: HashMap<String, Ticket>,
    oldest_first: VecDeque<String>,
}

impl Tickets {
    /// Returns the token of the ticket.
    pub(crate) fn issue(&self, ticket: Ticket) -> String {
        let token = Uuid::now_v7().simple().to_string();
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.oldest_first.len() >= TICKETS_MAX
            && let Some(oldest) = issued.oldest_first.pop_front()
        {
            issued.by_token.remove(&oldest);
        }
        issued.oldest_first.push_back(token.clone());
        issued.by_token.insert(token.clone(), ticket);
        token
    }

    pub(crate) fn get(&self, token: &str) -> Option<Ticket> {
        let issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        issued.by_token.get(token).cloned()
    }

    pub(crate) fn take(&self, token: &str) -> Option<Ticket> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_token
            .remove(token)
    }
}
