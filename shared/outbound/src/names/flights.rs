//! Running look-ups: concurrent callers for the same name share one answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::answer::Answer;

type Running = HashMap<Arc<str>, watch::Receiver<Option<Answer>>>;

#[derive(Default, Clone)]
pub(super) struct Flights(Arc<Mutex<Running>>);

/// A running look-up, started by this caller or another one.
pub(super) struct Flight(watch::Receiver<Option<Answer>>);

/// The obligation to do the look-up. If dropped without an answer, those who wait get none.
pub(super) struct TakeOff {
    name: Arc<str>,
    landing: watch::Sender<Option<Answer>>,
    flights: Flights,
}

impl Flights {
    pub(super) fn running(&self, name: &str) -> Option<Flight> {
        self.lock().get(name).cloned().map(Flight)
    }

    /// The flight for this name. The caller that gets the take-off must do the look-up.
    pub(super) fn join(&self, name: &str) -> (Flight, Option<TakeOff>) {
        let name: Arc<str> = name.into();
        match self.lock().entry(Arc::clone(&name)) {
            Entry::Occupied(running) => (Flight(running.get().clone()), None),
            Entry::Vacant(place) => {
                let (landing, waiting) = watch::channel(None);
                place.insert(waiting.clone());
                (
                    Flight(waiting),
                    Some(TakeOff {
                        name,
                        landing,
                        flights: self.clone(),
                    }),
                )
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    pub(super) async fn landed(mut self) -> Answer {
        match self.0.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_default(),
            Err(_) => Answer::Unanswered,
        }
    }
}

impl TakeOff {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn land(self, answer: Answer) {
        self.landing.send_replace(Some(answer));
    }
}

impl Drop for TakeOff {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.name);
    }
}
