//! How a pull endpoint's inbox is handed out: in the order of the events' times, each once, and
//! none skipped although writes overtake each other.
//!
//! Two events may be written in another order than their times. So a cursor passes an event for
//! good only where no earlier one can come any more: up to `read_to` of the endpoint, which the
//! stores hold against every write (see [`super::Pull`]). What was handed out beyond that is listed
//! in the cursor one by one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Delivery, DeliveryCursor, DeliveryState};
use crate::base::digest::sha256;
use crate::base::error::{Error, Result};
use crate::base::id::DeliveryId;
use crate::base::time::Timestamp;

/// How many deliveries a cursor lists. The endpoint's `read_to` is moved for a reader that has so
/// many ahead.
pub const AHEAD_MAX: usize = 64;

/// Enough of a digest to tell the deliveries of one inbox apart.
type Print = [u8; 8];

/// How far a reader has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxCursor {
    /// Everything up to there was handed out; `None` before the first.
    pub passed: Option<DeliveryCursor>,
    /// What was handed out behind it.
    ahead: Vec<Print>,
}

/// What lies in an inbox behind a cursor.
pub struct Stretch {
    deliveries: Vec<(Print, Delivery)>,
    /// How many of them the cursor has passed.
    passed: usize,
    /// False when others follow them.
    is_whole: bool,
    read_to: Timestamp,
    cursor: InboxCursor,
}

impl InboxCursor {
    /// Behind this place, with nothing handed out there.
    pub fn behind(passed: Option<DeliveryCursor>) -> Self {
        Self {
            passed,
            ahead: Vec::new(),
        }
    }

    pub fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// True for what was handed out behind the place that it has passed.
    pub fn lists(&self, delivery: &Delivery) -> bool {
        self.ahead.contains(&print(delivery))
    }

    /// Opaque to clients.
    pub fn to_text(&self) -> String {
        let place = self
            .passed
            .as_ref()
            .map_or_else(String::new, |place| format!("{}/{}", place.at.0, place.id));
        let ahead = URL_SAFE_NO_PAD.encode(self.ahead.concat());
        format!("{}.{ahead}", URL_SAFE_NO_PAD.encode(place))
    }

    /// Kind `Invalid` for a text that is no cursor.
    pub fn parse(text: &str) -> Result<Self> {
        let read = || {
            let (place, ahead) = text.split_once('.')?;
            let place = String::from_utf8(URL_SAFE_NO_PAD.decode(place).ok()?).ok()?;
            let ahead = URL_SAFE_NO_PAD.decode(ahead).ok()?;
            let (ahead, []) = ahead.as_chunks() else {
                return None;
            };
            (ahead.len() <= AHEAD_MAX).then_some(())?;
            let passed = match place.split_once('/') {
                Some((at, id)) => Some(DeliveryCursor {
                    at: Timestamp(at.parse().ok()?),
                    id: DeliveryId::parse(id).ok()?,
                }),
                None if place.is_empty() => None,
                None => return None,
            };
            Some(Self {
                passed,
                ahead: ahead.to_vec(),
            })
        };
        read().ok_or_else(|| {
            let text = "it is no cursor; give the 'next' of the page before, or the 'cursor' of an event, as it came";
            Error::invalid("invalid_cursor", text)
        })
    }
}

impl Stretch {
    /// Of deliveries behind the cursor, oldest first; `is_whole` if there are no others behind
    /// them.
    pub fn new(
        cursor: InboxCursor,
        deliveries: Vec<Delivery>,
        is_whole: bool,
        read_to: Timestamp,
    ) -> Self {
        let with_print = |delivery| (print(&delivery), delivery);
        let mut stretch = Self {
            deliveries: deliveries.into_iter().map(with_print).collect(),
            passed: 0,
            is_whole,
            read_to,
            cursor,
        };
        if is_whole {
            // What is kept no longer would be listed for ever.
            let known = |print: &Print| stretch.deliveries.iter().any(|(it, _)| it == print);
            stretch.cursor.ahead.retain(known);
        }
        stretch.pass();
        stretch
    }

    /// Takes what is delivered already as handed out, as far as the cursor can say so. The stretch
    /// ends there.
    pub fn skip_delivered(&mut self) {
        let mut n = self.passed;
        while let Some((print, delivery)) = self.deliveries.get(n) {
            let is_new =
                delivery.state == DeliveryState::Delivered && !self.is_done(*print, delivery);
            if is_new && !self.take(n) {
                self.deliveries.truncate(n);
                self.is_whole = false;
            }
            n += 1;
        }
    }

    /// The next ones that were not handed out, each with the cursor behind it.
    pub fn hand_out(&mut self, limit: usize) -> Vec<(Delivery, InboxCursor)> {
        let mut handed = Vec::new();
        for n in self.passed..self.deliveries.len() {
            let (print, delivery) = &self.deliveries[n];
            if self.is_done(*print, delivery) {
                continue;
            }
            if handed.len() == limit || !self.take(n) {
                break;
            }
            handed.push((self.deliveries[n].1.clone(), self.cursor.clone()));
        }
        handed
    }

    /// False when the cursor can neither pass it nor list it.
    fn take(&mut self, n: usize) -> bool {
        let (print, delivery) = &self.deliveries[n];
        let is_next = n == self.passed && delivery.created_at <= self.read_to;
        if self.cursor.ahead.len() == AHEAD_MAX && !is_next {
            return false;
        }
        self.cursor.ahead.push(*print);
        self.pass();
        true
    }

    /// Where the endpoint's `read_to` must be for the cursor to list more; `None` while it can.
    pub fn makes_room_at(&self) -> Option<Timestamp> {
        let is_full = self.cursor.ahead.len() == AHEAD_MAX;
        let done = |(print, it): &&(Print, Delivery)| self.is_done(*print, it);
        let left = self.deliveries.get(self.passed..).unwrap_or_default();
        let last = left.iter().rfind(done).or_else(|| left.first());
        last.filter(|_| is_full).map(|(_, it)| it.created_at)
    }

    /// True when nothing waits behind the cursor.
    pub fn is_read(&self) -> bool {
        let left = self.deliveries.get(self.passed..).unwrap_or_default();
        self.is_whole && left.iter().all(|(print, it)| self.is_done(*print, it))
    }

    /// Behind everything that was handed out.
    pub fn cursor(&self) -> &InboxCursor {
        &self.cursor
    }

    /// True when the cursor would pass more if the endpoint's `read_to` were this.
    pub fn would_pass(&self, read_to: Timestamp) -> bool {
        self.deliveries
            .get(self.passed)
            .is_some_and(|(print, it)| it.created_at <= read_to && self.is_done(*print, it))
    }

    fn pass(&mut self) {
        while self.would_pass(self.read_to) {
            let (print, delivery) = &self.deliveries[self.passed];
            self.cursor.ahead.retain(|ahead| ahead != print);
            self.cursor.passed = Some(delivery.cursor());
            self.passed += 1;
        }
    }

    fn is_done(&self, print: Print, delivery: &Delivery) -> bool {
        delivery.state == DeliveryState::Cancelled || self.cursor.ahead.contains(&print)
    }
}

fn print(delivery: &Delivery) -> Print {
    let digest = sha256(delivery.id.as_str().as_bytes());
    let (print, _) = digest
        .split_first_chunk()
        .expect("a digest has more than eight bytes");
    *print
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{EndpointId, TaskId, TenantId};
    use crate::domain::webhook::{EventType, Target};

    /// Of an event at that time.
    fn at(at: i64) -> Delivery {
        let task = TaskId::parse(&format!("{at:032x}")).unwrap();
        let endpoint = EndpointId::parse(&"e".repeat(32)).unwrap();
        Delivery::new(
            TenantId::parse("acme").unwrap(),
            DeliveryId::of(&task, 0),
            EventType::TaskCompleted,
            Target::Endpoint(endpoint),
            Timestamp(at),
        )
    }

    /// What a reader of the inbox is handed, and its cursor as it travels.
    fn read(inbox: &[i64], cursor: &InboxCursor, limit: usize, read_to: i64) -> Read {
        let behind = |n: &&i64| {
            let passed = cursor.passed.as_ref().map(|place| place.at);
            passed < Some(Timestamp(**n))
        };
        let deliveries = inbox.iter().filter(behind).map(|n| at(*n)).collect();
        let mut stretch = Stretch::new(cursor.clone(), deliveries, true, Timestamp(read_to));
        let handed = stretch.hand_out(limit);
        let times = handed.iter().map(|(it, _)| it.created_at.0).collect();
        let cursor = InboxCursor::parse(&stretch.cursor().to_text()).unwrap();
        assert_eq!(&cursor, stretch.cursor());
        assert_eq!(handed.last().map_or(&cursor, |(_, last)| last), &cursor);
        Read { times, cursor }
    }

    struct Read {
        times: Vec<i64>,
        cursor: InboxCursor,
    }

    #[test]
    fn an_event_that_is_written_late_is_handed_out_and_no_other_twice() {
        let first = read(&[10, 30, 40], &InboxCursor::default(), 9, 5);
        assert_eq!(first.times, [10, 30, 40]);
        assert_eq!(first.cursor.passed, None);

        let late = read(&[10, 20, 30, 40, 50], &first.cursor, 9, 10);

        assert_eq!(late.times, [20, 50]);
        assert_eq!(late.cursor.passed, Some(at(10).cursor()));
        let rest = read(&[10, 20, 30, 40, 50], &late.cursor, 9, 50);
        assert!(rest.times.is_empty());
        assert_eq!(rest.cursor, InboxCursor::behind(Some(at(50).cursor())));
    }

    #[test]
    fn a_backlog_is_read_page_by_page_and_what_is_young_as_far_as_a_cursor_can_list() {
        let old: Vec<i64> = (1..=200).collect();
        let mut cursor = InboxCursor::default();
        let mut times = Vec::new();
        while times.len() < old.len() {
            let page = read(&old, &cursor, 50, 1_000);
            assert_eq!(page.times.len(), 50);
            assert!(!page.cursor.is_ahead());
            times.extend(page.times);
            cursor = page.cursor;
        }
        assert_eq!(times, old);

        let young = read(&old, &InboxCursor::default(), 500, 0);

        assert_eq!(young.times, old[..AHEAD_MAX]);
        assert!(young.cursor.to_text().len() < 800);
        assert!(read(&old, &young.cursor, 500, 0).times.is_empty());
        let further = read(&old, &young.cursor, 500, 20);
        assert_eq!(further.times, old[AHEAD_MAX..AHEAD_MAX + 20]);
    }

    #[test]
    fn a_cursor_that_lists_all_it_can_says_how_far_the_inbox_must_be_read_to_list_more() {
        let young: Vec<Delivery> = (1..=100).map(at).collect();
        let mut stretch = Stretch::new(InboxCursor::default(), young, true, Timestamp(0));
        assert_eq!((stretch.makes_room_at(), stretch.is_read()), (None, false));

        assert_eq!(stretch.hand_out(500).len(), AHEAD_MAX);

        let last = i64::try_from(AHEAD_MAX).unwrap();
        assert_eq!(stretch.makes_room_at(), Some(Timestamp(last)));
        assert!(!stretch.is_read());
    }

    /// With no place left in the cursor.
    #[test]
    fn an_event_that_is_written_late_before_a_full_cursor_is_handed_out() {
        let young: Vec<i64> = (101..=100 + 64).collect();
        let full = read(&young, &InboxCursor::default(), 500, 0).cursor;
        let with_late: Vec<i64> = [&[50, 60], &young[..]].concat();
        let deliveries = with_late.iter().map(|n| at(*n)).collect();
        let stuck = Stretch::new(full.clone(), deliveries, true, Timestamp(0));
        assert_eq!(stuck.makes_room_at(), Some(Timestamp(164)));

        let late = read(&with_late, &full, 500, 60);

        assert_eq!(late.times, [50, 60]);
        assert_eq!(late.cursor.passed, Some(at(60).cursor()));
    }

    #[test]
    fn what_is_delivered_is_not_handed_out_again_though_it_is_more_than_a_cursor_can_list() {
        let mut inbox: Vec<Delivery> = (1..=90).map(at).collect();
        for delivery in &mut inbox[..80] {
            delivery.state = DeliveryState::Delivered;
        }
        let stretch = |read_to| {
            let of = InboxCursor::default();
            let mut stretch = Stretch::new(of, inbox.clone(), true, Timestamp(read_to));
            stretch.skip_delivered();
            stretch
        };
        let mut young = stretch(0);
        assert!(young.hand_out(500).is_empty() && !young.is_read());
        assert_eq!(young.makes_room_at(), Some(Timestamp(64)));

        let handed = stretch(64).hand_out(500);

        let times: Vec<i64> = handed.iter().map(|(it, _)| it.created_at.0).collect();
        assert_eq!(times, (81..=90).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_cancelled_is_passed_by() {
        let cancelled = Delivery {
            state: DeliveryState::Cancelled,
            ..at(10)
        };
        let inbox = vec![cancelled.clone(), at(20)];
        let mut stretch = Stretch::new(InboxCursor::default(), inbox, true, Timestamp(15));

        assert_eq!(stretch.cursor().passed, Some(cancelled.cursor()));
        let handed = stretch.hand_out(5);
        assert_eq!(handed.len(), 1);
        assert!(stretch.would_pass(Timestamp(20)) && !stretch.would_pass(Timestamp(19)));
    }

    #[test]
    fn what_is_kept_no_longer_is_listed_no_longer() {
        let listed = read(&[10, 20], &InboxCursor::default(), 9, 0).cursor;
        assert!(listed.lists(&at(10)));

        let gone = read(&[20], &listed, 9, 0).cursor;

        assert!(!gone.lists(&at(10)) && gone.lists(&at(20)));
    }

    #[test]
    fn a_text_that_is_no_cursor_is_refused() {
        let place = URL_SAFE_NO_PAD.encode("5/not-an-id");
        let long = URL_SAFE_NO_PAD.encode([0; 8 * (AHEAD_MAX + 1)]);
        for text in [
            "",
            "x",
            "AAA",
            ".AAA",
            &format!("{place}."),
            &format!(".{long}"),
        ] {
            let error = InboxCursor::parse(text).unwrap_err();
            assert_eq!(error.code, "invalid_cursor", "{text}");
        }
        assert_eq!(InboxCursor::parse(".").unwrap(), InboxCursor::default());
    }
}
