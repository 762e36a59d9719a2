//! What the core needs of the world. Each sentence of a method's contract is a test of the suite that every adapter runs.

mod account_store;
mod callback_sender;
mod clock;
mod delivery_store;
mod destinations;
mod endpoint_store;
mod entropy;
mod guard;
mod line_store;
mod object_store;
mod output_fetcher;
mod queue;
mod task_store;
mod tenant_store;
mod upstream;
mod usage_cursors;
mod usage_sink;
mod vendor_books;

pub use account_store::AccountStore;
pub use callback_sender::{CallbackSender, Outgoing, SendOutcome};
pub use clock::{Clock, SystemClock};
pub use delivery_store::DeliveryStore;
pub use destinations::{DestinationCheck, Destinations};
pub use endpoint_store::{EndpointList, EndpointStore};
pub use entropy::{Entropy, Ids};
pub use guard::{AddressGuard, Purpose};
pub use line_store::LineStore;
pub use object_store::{LinkMethod, LinkTerms, NewObject, ObjectBody, ObjectStore, Stored};
pub use output_fetcher::{FetchFailure, FetchFailureSort, Fetched, OutputFetch, OutputFetcher};
pub use queue::{DeadLetter, Lease, Queue};
pub use task_store::{Admitted, TaskStore};
pub use tenant_store::TenantStore;
pub use upstream::{PutOff, RunList, SubmitAnswer, SubmitCall, Upload, Upstream};
pub use usage_cursors::UsageCursors;
pub use usage_sink::{UsageBatch, UsageSink};
pub use vendor_books::{AccountCheck, VendorBooks};
