//! What operators mend, and what is refused.

use fluxgate_core::money::{Direction, MicroUsd};
use fluxgate_core::task::State;

use super::World;

impl World {
    pub(super) async fn adjust(&mut self, is_credit: bool, amount: i64, reference: u8) {
        let direction = if is_credit {
            Direction::Credit
        } else {
            Direction::Debit
        };
        let before = self.account().await;
        let done = self
            .stores
            .adjust(&self.tenant, direction, amount, &reference.to_string())
            .await;
        let earlier = self.adjusted.get(&(is_credit, reference)).copied();
        match (done, earlier) {
            (Ok(corrected), _) => {
                assert_eq!(corrected.is_new, earlier.is_none());
                self.adjusted.insert((is_credit, reference), amount);
            }
            (Err(error), Some(earlier)) => {
                assert_eq!(error.code, "reference_used");
                assert_ne!(earlier, amount);
            }
            (Err(error), None) => {
                assert_eq!(error.code, "balance_too_low");
                assert!(!is_credit && before.available < MicroUsd(amount));
            }
        }
    }

    pub(super) async fn void(&mut self, reference: u8) {
        let amount = self.top_ups.get(&reference).copied().unwrap_or(1);
        let before = self.account().await;
        let done = self
            .stores
            .void(&self.tenant, &reference.to_string(), amount)
            .await;
        match done {
            Ok(corrected) => assert_eq!(corrected.is_new, self.voided.insert(reference)),
            Err(error) if error.code == "not_found" => {
                assert!(!self.top_ups.contains_key(&reference))
            }
            Err(error) => {
                assert_eq!(error.code, "balance_too_low");
                assert!(before.available < MicroUsd(amount) && !self.voided.contains(&reference));
            }
        }
    }

    pub(super) async fn refund(&mut self, task: usize, percent: i64) {
        let Some(id) = self.chosen(task) else { return };
        let task = self.stores.tasks.get(&self.tenant, &id).await.unwrap();
        let amount = task.charged.0 * percent / 100;
        let fits = task.state == State::Completed && amount > 0 && amount <= task.charged.0;
        if fits && task.refund.is_none() {
            self.stores.refund(&task, amount).await.unwrap();
            let again = self.stores.refund(&task, amount).await.unwrap_err();
            assert!(again.is(fluxgate_core::Reason::VersionMoved), "{again:?}");
        }
    }
}
