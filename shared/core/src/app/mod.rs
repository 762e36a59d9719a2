//! The use cases: one struct per role, which owns the ports of that role and no others. Every use
//! case may run twice and may be interrupted at any point.

mod admin_access;
mod alerter;
mod api_keys;
mod archiver;
mod attempt;
mod batches;
mod callbacks;
mod capability;
mod context;
mod day_reads;
mod dead_letters;
mod deliveries;
mod endpoint_writes;
mod endpoints;
mod everybody;
mod gateway;
mod held;
mod inbox;
mod jobs;
mod ledger;
mod machine;
mod media;
mod metering;
mod notifier;
mod open_batches;
mod open_tasks;
mod operator;
mod operator_tasks;
mod origin;
mod personal;
mod probe;
mod receiver;
mod restoration;
mod retention;
mod sealed;
mod sealed_text;
mod sender;
mod shared_rates;
mod sweeper;
mod tally;
mod task_pages;
mod traced;
mod trusts;
mod vault;
mod views;
mod watcher;
mod workers;

pub use admin_access::{AdminAccess, ShownAdminToken};
pub use alerter::Alerter;
pub use api_keys::{
    ApiKeys, IssuedKey, KeyEnd, Maker, NewKey, SealedSigningKeys, SigningKeyStatus, SigningStatus,
};
pub use archiver::Archiver;
pub use batches::{BatchIntake, Batches};
pub use callbacks::Callbacks;
pub use capability::{Capability, CapabilityRotation, CapabilityStatus};
pub use context::Context;
pub use day_reads::{AskedDays, UsageOfDays};
pub use dead_letters::{DeadLetterPage, DeadLetters};
pub use deliveries::{Deliveries, ShownDelivery};
pub use endpoints::{EndpointChange, Endpoints, NewEndpoint, Release, Rotation, TestOutcome};
pub use gateway::{
    Gateway, GatewayParts, ListQuery, PredictionPage, Progress, RetryRequest, SubmitRequest,
    TaskPage, TaskQuery, TaskTimeline, TenantModels,
};
pub use inbox::{Inbox, InboxEvent, InboxPage};
pub use jobs::{JobOutcome, Worker};
pub use ledger::{LedgerPage, LedgerRequest};
pub use machine::Machine;
pub use metering::{
    ChargesPage, ChargesQuery, Exported, ExportedAll, Metering, UsageExport, UsageQuery,
};
pub use notifier::Notifier;
pub use operator::{
    BooksFinding, Deletion, EncryptionStatus, NewDestination, NewStore, NewTenant, Onboarded,
    Operator, OperatorParts, PricesChange, PricesChanged, PricesEdit, RefundRequest, Refunded,
    RotationState, RotationStep, TenantChange, TenantUsage, check_books, check_provider_account,
};
pub use operator_tasks::{
    Delivered, Erasure, ErasureStep, FairQueueView, LongestWait, OperatorTaskPage,
    OperatorTaskQuery, OperatorTasks, OperatorWork, TaskAction, TaskPlace, TaskTrouble,
};
pub use origin::OriginCheck;
pub use probe::DestinationProbe;
pub use receiver::Receiver;
pub use restoration::{
    Awaiting, Doubted, Restoration, RestorationState, RestorationStep, Restorations,
};
pub use retention::{Expiring, Exports, RemovalPass, Removals, Retention};
pub use sender::{Hooks, Sender};
pub use shared_rates::SharedRates;
pub use sweeper::{Sweeper, Swept, TenantSweep};
pub use tally::tally;
pub use traced::{JOB_TARGET, JobProgress, follow_caller, job_span, job_worked};
pub use trusts::Trusts;
pub use vault::Vault;
pub use views::{OutputLinks, Views};
pub use watcher::Watcher;
pub use workers::Workers;
