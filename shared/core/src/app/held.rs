//! Says that an event is held, where it is written down.

use crate::base::metric;
use crate::domain::webhook::{Delivery, DeliveryState};

/// For each of these that is held.
pub(crate) fn tell_held<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) {
    let is_held = |delivery: &&Delivery| delivery.state == DeliveryState::Held;
    for delivery in deliveries.into_iter().filter(is_held) {
        tracing::info!(delivery.id = %delivery.id, tenant.id = %delivery.tenant, "delivery held: its endpoint is disabled; enabling it releases it");
        metric::DELIVERIES_HELD.count();
    }
}
