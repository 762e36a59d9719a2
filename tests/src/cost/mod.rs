//! What a task costs on AWS: the functions' calls counted in an emulated run, times a list of
//! prices. Durations are not counted, since those of this machine say nothing about AWS's; what is
//! made of them is an assumption and stands apart.

mod bill;
mod counts;
mod prices;
mod sweep;
mod workload;

pub use bill::Bill;
pub use counts::{Asked, Counts, Log, Units};
pub use prices::Prices;
pub use sweep::{Sweeps, sweep_every_ms};
pub use workload::{ColdStart, Traffic, Workload};

/// The functions that a task meets, in the order in which it meets them.
pub const FUNCTIONS: [&str; 5] = ["gateway", "receiver", "archiver", "notifier", "poller"];

/// The queues between them, with the function behind each.
pub const LANES: [(&str, &str); 3] = [
    ("archive", "archiver"),
    ("notify", "notifier"),
    ("watch", "poller"),
];
