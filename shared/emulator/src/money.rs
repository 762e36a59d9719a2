//! The account's balance. A run's price is set aside when it is accepted and charged only when it completes.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Purse(Mutex<Amounts>);

#[derive(Debug)]
struct Amounts {
    balance: i64,
    held: i64,
}

impl Purse {
    pub(crate) fn new(balance: i64) -> Self {
        Self(Mutex::new(Amounts { balance, held: 0 }))
    }

    pub(crate) fn balance(&self) -> i64 {
        self.lock().balance
    }

    /// False when less than `price` is free.
    pub(crate) fn hold(&self, price: i64) -> bool {
        let mut amounts = self.lock();
        let enough = amounts.balance - amounts.held >= price;
        if enough {
            amounts.held += price;
        }
        enough
    }

    pub(crate) fn charge(&self, price: i64) {
        let mut amounts = self.lock();
        amounts.held -= price;
        amounts.balance -= price;
    }

    pub(crate) fn release(&self, price: i64) {
        self.lock().held -= price;
    }

    fn lock(&self) -> MutexGuard<'_, Amounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For answers, which speak of dollars.
#[expect(clippy::cast_precision_loss, reason = "an f64 holds micro-dollars exactly up to nine billion dollars")]
pub(crate) fn usd(micro_usd: i64) -> f64 {
    micro_usd as f64 / 1_000_000.0
}
