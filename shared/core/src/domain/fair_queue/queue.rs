//! One tenant's tickets: those waiting, in order, and those called.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// One task's service in virtual time at weight 1. 720,720 is divisible by every weight up to 16,
/// and few tenants have a higher one.
const SERVICE: u64 = 720_720_000;

/// Stored with single-letter keys: DynamoDB bills each write by size, and an item holds at most 400
/// KB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Queue {
    #[serde(rename = "w")]
    pub(super) weight: u32,
    /// The start tag of its next call: two waiting queues never drift apart by more than one
    /// service of each.
    #[serde(rename = "t")]
    pub(super) tag: u64,
    /// The next ticket to be called; all earlier ones were.
    #[serde(rename = "h")]
    head: u64,
    /// The next ticket to be given out.
    #[serde(rename = "n")]
    pub(super) next: u64,
    /// Called tickets whose tasks have not come yet, with the time of the call.
    #[serde(rename = "c", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) called: BTreeMap<u64, Timestamp>,
    /// Tickets before `head` whose calls expired; their tasks have come since and wait again.
    #[serde(rename = "b", default, skip_serializing_if = "BTreeSet::is_empty")]
    back: BTreeSet<u64>,
    /// Tickets from `head` on that were abandoned.
    #[serde(rename = "g", default, skip_serializing_if = "BTreeSet::is_empty")]
    gone: BTreeSet<u64>,
}

impl Queue {
    pub(super) fn new(first_ticket: u64, weight: u32, tag: u64) -> Self {
        let (called, back, gone) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self {
            weight: weight.max(1),
            tag,
            head: first_ticket,
            next: first_ticket,
            called,
            back,
            gone,
        }
    }

    pub(super) fn waiting(&self) -> u64 {
        (self.next - self.head) - self.gone.len() as u64 + self.back.len() as u64
    }

    /// The virtual time that one task takes.
    pub(super) fn service(&self) -> u64 {
        SERVICE / u64::from(self.weight)
    }

    pub(super) fn give_ticket(&mut self, tag: u64) -> u64 {
        self.wait_from(tag);
        self.next += 1;
        self.next - 1
    }

    /// Lets a ticket wait again whose call expired, or which an earlier queue gave out. False if it
    /// is already waiting or called.
    pub(super) fn come_back(&mut self, ticket: u64, tag: u64) -> bool {
        let waits = (self.head..self.next).contains(&ticket) && !self.gone.contains(&ticket);
        if waits || self.called.contains_key(&ticket) || self.back.contains(&ticket) {
            return false;
        }
        self.wait_from(tag);
        if self.head == self.next && ticket >= self.next {
            (self.head, self.next) = (ticket + 1, ticket + 1);
        }
        self.back.insert(ticket)
    }

    /// An idle queue does not save up service.
    fn wait_from(&mut self, tag: u64) {
        if self.waiting() == 0 {
            self.tag = self.tag.max(tag);
        }
    }

    /// Calls the first waiting ticket. There must be one.
    pub(super) fn call_next(&mut self, now: Timestamp) {
        let ticket = self.back.pop_first().unwrap_or_else(|| {
            self.skip_the_gone();
            self.head += 1;
            self.head - 1
        });
        self.called.insert(ticket, now);
        self.tag += self.service();
        self.skip_the_gone();
    }

    /// True if the ticket was called, so that its slot is free.
    pub(super) fn leave(&mut self, ticket: u64) -> bool {
        if (self.head..self.next).contains(&ticket) {
            self.gone.insert(ticket);
            self.skip_the_gone();
            return false;
        }
        self.back.remove(&ticket);
        self.called.remove(&ticket).is_some()
    }

    fn skip_the_gone(&mut self) {
        while self.gone.remove(&self.head) {
            self.head += 1;
        }
        while self.next > self.head && self.gone.remove(&(self.next - 1)) {
            self.next -= 1;
        }
    }

    /// Number of tickets of this queue called before this one.
    pub(super) fn ahead_of(&self, ticket: u64) -> u64 {
        if self.back.contains(&ticket) {
            return self.back.range(..ticket).count() as u64;
        }
        let gone = self.gone.range(..ticket).count() as u64;
        self.back.len() as u64 + ticket.saturating_sub(self.head).saturating_sub(gone)
    }

    /// Number of calls of this queue before virtual time passes a tag.
    pub(super) fn calls_before(&self, tag: u64) -> u64 {
        if self.tag > tag {
            return 0;
        }
        self.waiting().min((tag - self.tag) / self.service() + 1)
    }
}
