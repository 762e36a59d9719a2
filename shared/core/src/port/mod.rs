//! What the core needs from the outside world. Each sentence of a method's contract is a test in
//! the suite that every adapter runs.

mod account_store;
mod callback_sender;
mod clock;
mod delivery_store;
mod destinations;
mod endpoint_store;
mod entropy;
pub mod errors;
mod fair_queue_store;
mod guard;
mod key_sets;
mod link_signer;
mod object_store;
mod output_fetcher;
mod provider;
mod provider_books;
mod queue;
mod store;
mod task_store;
mod tenant_store;
mod usage_cursors;
mod usage_sink;
mod webhook_secrets;

pub use account_store::AccountStore;
pub use callback_sender::{CallbackRequest, CallbackSender, SendOutcome};
pub use clock::{Clock, SystemClock};
pub use delivery_store::DeliveryStore;
pub use destinations::{DestinationCheck, Destinations};
pub use endpoint_store::{EndpointList, EndpointStore};
pub use entropy::{Entropy, Ids, SystemEntropy};
pub use fair_queue_store::FairQueueStore;
pub use guard::{AddressGuard, Purpose};
pub use key_sets::KeySetFetcher;
pub use link_signer::{LinkMethod, LinkSigner, LinkTerms};
pub use object_store::{NewObject, ObjectBody, ObjectStore, Stored};
pub use output_fetcher::{FetchFailure, FetchFailureSort, Fetched, OutputFetch, OutputFetcher};
pub use provider::{Provider, PutOff, RunList, SubmitAnswer, SubmitCall, Upload};
pub use provider_books::{AccountCheck, ProviderBooks};
pub use queue::{DeadLetter, Lease, Queue};
pub use store::Store;
pub use task_store::{Admitted, TaskStore};
pub use tenant_store::TenantStore;
pub use usage_cursors::UsageCursors;
pub use usage_sink::{UsageBatch, UsageSink};
pub use webhook_secrets::WebhookSecrets;
