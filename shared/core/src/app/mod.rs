//! The use cases: one struct per role, which owns the ports of that role and no others. Every use
//! case may run twice and may be interrupted at any point.

mod archiver;
mod attempt;
mod batches;
mod callbacks;
mod context;
mod deliveries;
mod endpoint_writes;
mod endpoints;
mod everybody;
mod gateway;
mod held;
mod inbox;
mod jobs;
mod machine;
mod media;
mod metering;
mod notifier;
mod operator;
mod receiver;
mod sealed;
mod sender;
mod sweeper;
mod tally;
mod task_pages;
mod traced;
mod trusts;
mod vault;
mod views;
mod watcher;
mod workers;

pub use archiver::Archiver;
pub use batches::{BatchIntake, Batches};
pub use callbacks::Callbacks;
pub use context::Context;
pub use deliveries::{Deliveries, ShownDelivery};
pub use endpoints::{EndpointChange, Endpoints, NewEndpoint, Release, Rotation, TestOutcome};
pub use gateway::{
    Gateway, GatewayParts, ListQuery, PredictionPage, Progress, RetryRequest, SubmitRequest,
    TaskPage, TaskQuery, TaskTimeline, TenantModels,
};
pub use inbox::{Inbox, InboxEvent, InboxPage};
pub use jobs::{JobOutcome, Worker};
pub use machine::Machine;
pub use metering::{Exported, ExportedAll, Metering, UsageExport, UsageQuery};
pub use notifier::Notifier;
pub use operator::{
    BooksFinding, Deletion, EncryptionStatus, NewDestination, NewTenant, Onboarded, Operator,
    OperatorParts, PricesChange, PricesChanged, PricesEdit, RotationState, RotationStep,
    TenantChange, check_books, check_provider_account,
};
pub use receiver::Receiver;
pub use sender::{Hooks, Sender};
pub use sweeper::{Sweeper, Swept, TenantSweep};
pub use tally::tally;
pub use traced::job_span;
pub use trusts::Trusts;
pub use vault::Vault;
pub use views::{OutputLinks, Views};
pub use watcher::Watcher;
pub use workers::Workers;
