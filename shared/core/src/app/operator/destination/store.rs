//! A store as the operator describes it.

use url::Url;

use crate::base::error::{Error, Result};
use crate::base::secret::Secret;
use crate::domain::tenant::{Checksums, S3Store, StoreKeys};

/// What stores that have no regions are usually told.
const REGION_OF_ENDPOINT: &str = "us-east-1";
const KEY_BYTES_MAX: usize = 256;

/// AWS in a region, or any store that speaks S3.
#[derive(Debug, Clone)]
pub struct NewStore {
    /// `None`: AWS.
    pub endpoint: Option<String>,
    /// Needed for AWS.
    pub region: Option<String>,
    pub path_style: bool,
    pub access_key_id: Option<String>,
    /// `None`: the one that is stored for this endpoint and access key.
    pub secret_access_key: Option<Secret>,
    pub checksums: Checksums,
    pub conditional_put: bool,
}

impl Default for NewStore {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            path_style: false,
            access_key_id: None,
            secret_access_key: None,
            checksums: Checksums::default(),
            conditional_put: true,
        }
    }
}

/// With the secret that is stored.
impl From<S3Store> for NewStore {
    fn from(now: S3Store) -> Self {
        Self {
            endpoint: now.endpoint,
            region: Some(now.region),
            path_style: now.path_style,
            access_key_id: now.keys.map(|keys| keys.access_key_id),
            secret_access_key: None,
            checksums: now.checksums,
            conditional_put: now.conditional_put,
        }
    }
}

impl NewStore {
    pub(super) fn check(&self) -> Result<()> {
        if let Some(endpoint) = &self.endpoint {
            check_endpoint(endpoint)?;
        } else if self.region.is_none() {
            let text = "name the 'region' of AWS, or the 'endpoint' of the store";
            return Err(Error::invalid("missing_parameter", text).field("region"));
        } else if self.checksums == Checksums::None || !self.conditional_put {
            let text = "AWS has checksums and conditional puts; leave 'checksums' and 'conditional_put' out";
            return Err(Error::invalid("invalid_store", text).field("checksums"));
        }
        if !self.region().bytes().all(is_of_region) || !(1..=32).contains(&self.region().len()) {
            let text = "a region consists of a-z, 0-9 and '-', such as eu-central-1 or auto";
            return Err(Error::invalid("invalid_region", text).field("region"));
        }
        self.check_keys()
    }

    fn check_keys(&self) -> Result<()> {
        let secret = self.secret_access_key.as_ref().map(Secret::expose);
        let missing = |field: &str| {
            let text = "a store with an endpoint needs 'access_key_id' and 'secret_access_key'";
            Err(Error::invalid("missing_parameter", text).field(field))
        };
        match (&self.access_key_id, secret) {
            (None, Some(_)) => missing("access_key_id"),
            (None, None) if self.endpoint.is_some() => missing("access_key_id"),
            (Some(id), _) if !is_key(id) => invalid_key("access_key_id"),
            (_, Some(secret)) if !is_key(secret) => invalid_key("secret_access_key"),
            _ => Ok(()),
        }
    }

    pub(super) fn region(&self) -> String {
        let region = self.region.as_deref();
        region.unwrap_or(REGION_OF_ENDPOINT).to_owned()
    }

    /// The keys that are stored. Kind `Invalid` if they are another store's, or another key's.
    pub(super) fn known_keys(&self, before: Option<&S3Store>) -> Result<StoreKeys> {
        let same = before.filter(|before| before.endpoint == self.endpoint);
        let keys = same.and_then(|before| before.keys.clone());
        let keys = keys.filter(|keys| Some(&keys.access_key_id) == self.access_key_id.as_ref());
        keys.ok_or_else(|| {
            let text = "'secret_access_key' may be left out only if endpoint and access key stay as they are";
            Error::invalid("missing_parameter", text).field("secret_access_key")
        })
    }
}

/// An origin, as tenants' links will begin with it.
fn check_endpoint(text: &str) -> Result<()> {
    let origin = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.origin().ascii_serialization() == text
            && text.len() <= 256
    });
    match origin {
        Some(_) => Ok(()),
        None => {
            let text = "an endpoint must be an origin such as https://s3.example.com or https://s3.example.com:9000, without a path";
            Err(Error::invalid("invalid_endpoint", text).field("endpoint"))
        }
    }
}

fn is_of_region(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn is_key(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn invalid_key(field: &str) -> Result<()> {
    let text = format!("must have 1 to {KEY_BYTES_MAX} visible ASCII characters");
    Err(Error::invalid("invalid_parameter", text).field(field))
}
