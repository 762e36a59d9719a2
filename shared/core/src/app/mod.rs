//! The use cases: one struct per role, which owns the ports of that role and no others. Every use
//! case may run twice and may be interrupted at any point.

mod archiver;
mod context;
mod endpoints;
mod everybody;
mod gateway;
mod jobs;
mod machine;
mod media;
mod metering;
mod notifier;
mod operator;
mod receiver;
mod sender;
mod sweeper;
mod tally;
mod task_pages;
mod trusts;
mod views;
mod watcher;
mod workers;

pub use archiver::Archiver;
pub use context::Context;
pub use endpoints::{Endpoints, NewEndpoint};
pub use gateway::{Gateway, GatewayParts, ListQuery, SubmitRequest, TaskTimeline};
pub use jobs::{JobOutcome, Worker};
pub use machine::Machine;
pub use metering::{Exported, ExportedAll, Metering, UsageExport, UsageQuery};
pub use notifier::Notifier;
pub use operator::{
    BooksFinding, Deletion, NewDestination, NewTenant, Operator, OperatorParts, PricesChange,
    PricesChanged, PricesEdit, TenantChange, check_books, check_provider_account,
};
pub use receiver::Receiver;
pub use sender::{Hooks, Sender};
pub use sweeper::{Sweeper, Swept, TenantSweep};
pub use tally::tally;
pub use trusts::Trusts;
pub use views::{OutputLinks, Views};
pub use watcher::Watcher;
pub use workers::Workers;
