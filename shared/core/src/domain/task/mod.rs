//! A task, which is one requested run, and the state machine that moves it.

mod booked;
mod change;
mod copying;
#[cfg(test)]
mod copying_tests;
mod deleted;
mod deletion;
mod doubt;
mod ending;
#[cfg(test)]
mod every_signal_tests;
mod failure;
mod input_upload;
mod job;
mod kept_inputs;
mod links;
mod moves;
mod open_set;
mod output;
mod produced;
mod record;
mod refund;
mod refunding;
mod signal;
mod state;
mod step;
mod transition;
#[cfg(test)]
mod transition_table;
#[cfg(test)]
mod transition_tests;
mod unarchived;

pub use booked::BookedTask;
pub use change::{Admission, Change, Claim, Idempotency};
pub use deleted::{Deleted, LeftOutput};
pub use doubt::Doubt;
pub use failure::Failure;
pub use input_upload::InputUpload;
pub use job::{Delayed, Job, Lane};
pub use kept_inputs::{RETRY_INPUTS_BYTES_MAX, RETRY_INPUTS_KEPT_MS};
pub use links::BaseUrl;
pub use open_set::{OPEN_SET_TASKS_MAX, OpenSet};
pub use output::Output;
pub use produced::Produced;
pub use record::{NewTask, Task};
pub use refund::Refund;
pub use signal::{EndedRun, Finished, Rejected, Rejection, RunEnd, Signal};
pub use state::State;
pub use step::{FINISHED, NOTED_STEPS_MAX, ORPHANED, Step, Via};
pub use transition::transition;
pub use unarchived::{Copied, ProviderLink, StaleLinks, Unarchived};
