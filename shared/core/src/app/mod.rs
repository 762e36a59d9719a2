//! The use cases: submit, advance, archive, deliver, read, and the operator's. Each is safe to run twice and to lose anywhere.

mod addresses;
mod advance;
mod announce;
mod archive;
mod copy_again;
mod deliver;
mod export;
mod fair_queue;
mod fresh_links;
mod likeness;
mod media;
mod note;
mod operator;
mod price;
mod read;
mod refusal;
mod resolve;
mod send;
mod signal;
mod submit;
mod sweep;
mod tally;
mod usage;
mod work;

pub use export::{Exported, UsageExport};
pub use operator::{
    BooksFinding, Deletion, EntryOrder, NewDestination, NewTenant, PricesChange, PricesChanged, PricesEdit, Tenancy,
    TenantChange, check_books,
};
pub use read::TaskTimeline;
pub use submit::SubmitRequest;
pub use sweep::TenantSweep;
pub use tally::tally;
pub use usage::{UsageQuery, read_usage};

use std::sync::Arc;

use url::Url;

use crate::base::bounds::Bounds;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Capacity;
use crate::domain::task::{BaseUrl, OutputLinks};
use crate::domain::webhook::CapabilityKey;
use crate::port::{AddressGuard, CallbackSender, Clock, Entropy, ObjectStore, OutputFetcher, Provider, Queue, Store};

/// Everything the use cases need of the world.
#[derive(Clone)]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub queue: Arc<dyn Queue>,
    pub objects: Arc<dyn ObjectStore>,
    pub provider: Arc<dyn Provider>,
    pub outputs: Arc<dyn OutputFetcher>,
    pub callbacks: Arc<dyn CallbackSender>,
    pub guard: Arc<dyn AddressGuard>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// What an installation sets.
pub struct Settings {
    pub bounds: Bounds,
    /// Where tenants reach the API.
    pub base_url: BaseUrl,
    /// What tenants get for their outputs.
    pub output_links: OutputLinks,
    /// Where the provider reaches the receiver; without it completions come by polling alone.
    pub public_url: Option<Url>,
    pub capability: CapabilityKey,
    /// What the provider's account bears; `None`: whatever tenants ask of it.
    pub capacity: Option<Capacity>,
}

/// The use cases over the ports.
pub struct Fluxgate {
    pub ports: Ports,
    pub settings: Settings,
}

impl Fluxgate {
    pub fn bounds(&self) -> &Bounds {
        &self.settings.bounds
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }
}
