//! What a copy tells of the tenant's destination.

use super::Archiver;
use crate::base::error::{Error, Fault, Reason, Result};
use crate::base::metric;
use crate::domain::task::{State, Task};
use crate::domain::tenant::{Destination, DestinationRefusal, DestinationSeen};

impl Archiver {
    /// Fails before anything is fetched that could not be stored. Not where this attempt decides
    /// who pays: then it must be known whether the provider gives the outputs.
    pub(super) async fn ready(&self, task: &Task, to: &Destination) -> Result<()> {
        let (retry, now) = (self.context.bounds.archive_retry, self.context.now());
        if self.decides(task) {
            return Ok(());
        }
        // Whoever asks for a copy again says that the destination is mended.
        let is_asked_for = task.state == State::Completed;
        let refusal = self.broken.refusal((&task.tenant, to), retry, now);
        if let (Some(error), false) = (refusal, is_asked_for) {
            return Err(error);
        }
        let ready = self.objects.ready(&task.tenant, to).await;
        if let Err(error) = &ready {
            self.see(task, to, Some(error));
        }
        ready
    }

    /// Notes whether the destination took an output. A failure that is not the tenant's says
    /// nothing of it, and neither does an object that is in the way of another.
    pub(super) fn see(&self, task: &Task, to: &Destination, refused: Option<&Error>) {
        let tenant = &task.tenant;
        let Some(error) = refused else {
            self.broken.accepted(tenant);
            let alerter = &self.machine.alerter;
            return alerter.note_destination(tenant, DestinationSeen::Accepts);
        };
        if error.fault != Fault::Tenant || error.is(Reason::KeyTaken) {
            return;
        }
        metric::DESTINATION_REFUSALS.count_as(error.code);
        let (retry, now) = (self.context.bounds.archive_retry, self.context.now());
        self.broken.refused((tenant, to), error, retry, now);
        let refusal = DestinationRefusal {
            bucket: to.bucket.clone(),
            code: error.code,
            message: error.message.clone(),
        };
        let alerter = &self.machine.alerter;
        alerter.note_destination(tenant, DestinationSeen::Refuses(refusal));
    }
}
