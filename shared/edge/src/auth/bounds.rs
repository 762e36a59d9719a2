//! The limits of authentication.

/// Every limit of [`Authenticator`](super::Authenticator). The unit comes last in each name.
#[derive(Debug, Clone)]
pub struct AuthBounds {
    /// The whole token. Longer ones are refused without parsing them.
    pub token_bytes_max: usize,
    /// Maximum clock difference to an issuer.
    pub leeway_s: u64,
    /// How long a fetched key set is used before fetching it again.
    pub key_set_ttl_ms: u64,
    /// How long before that it is fetched again in the background, if it is used then.
    pub key_set_ahead_ms: u64,
    /// How long a key set is used while its issuer does not answer. After that, a withdrawn key is
    /// certain to be refused.
    pub key_set_stale_ms: u64,
    /// Minimum time between two fetches caused by tokens with a key that is not in the set.
    pub key_refetch_min_ms: u64,
    /// Minimum time between a failed fetch and the next one.
    pub key_retry_min_ms: u64,
    /// Maximum number of cached key sets.
    pub key_sets_max: usize,
    /// Maximum number of keys read from one set; the rest are ignored.
    pub key_set_keys_max: usize,
    /// The longest time until a changed trust takes effect. An added trust takes effect at once.
    pub trust_ttl_ms: u64,
    /// Maximum number of issuers of which it is cached where their trusts look.
    pub issuers_max: usize,
    /// Maximum number of cached trusts.
    pub trusts_max: usize,
    /// Maximum number of cached verified tokens.
    pub token_cache_entries: usize,
    /// How long a verified token is accepted without verifying it again; this is also how long a
    /// deleted tenant may still read, and how long its old limits apply.
    pub token_cache_ttl_ms: u64,
    /// The same for an API key; so that one that is revoked is refused soon.
    pub api_key_cache_ttl_ms: u64,
}

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

impl Default for AuthBounds {
    fn default() -> Self {
        Self {
            token_bytes_max: 8 * 1024,
            leeway_s: 30,
            key_set_ttl_ms: 10 * MINUTE_MS,
            key_set_ahead_ms: 2 * MINUTE_MS,
            key_set_stale_ms: DAY_MS,
            key_refetch_min_ms: 30 * SECOND_MS,
            key_retry_min_ms: SECOND_MS,
            key_sets_max: 1_000,
            key_set_keys_max: 100,
            trust_ttl_ms: SECOND_MS,
            issuers_max: 1_000,
            trusts_max: 4_096,
            token_cache_entries: 10_000,
            token_cache_ttl_ms: 10 * SECOND_MS,
            api_key_cache_ttl_ms: 5 * SECOND_MS,
        }
    }
}
