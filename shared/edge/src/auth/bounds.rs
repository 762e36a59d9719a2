//! The limits of authentication.

/// Every wait, size and count of [`Authenticator`](super::Authenticator), with its unit last.
#[derive(Debug, Clone)]
pub struct AuthBounds {
    /// A whole token. Longer ones are refused unread.
    pub token_bytes_max: usize,
    /// How far an issuer's clock may be off.
    pub leeway_s: u64,
    /// How long a fetched key set is used without asking again.
    pub key_set_ttl_ms: u64,
    /// How long a key set is still used when its issuer does not answer. After it a withdrawn key
    /// is surely refused.
    pub key_set_stale_ms: u64,
    /// Between two fetches that were made because a token named a key that is not in the set.
    pub key_refetch_min_ms: u64,
    /// After a fetch that failed, before the next.
    pub key_retry_min_ms: u64,
    /// Key sets kept.
    pub key_sets_max: usize,
    /// Keys read of one set; the rest is ignored.
    pub key_set_keys_max: usize,
    /// How long it takes at most until a changed trust counts. An added one counts at once.
    pub trust_ttl_ms: u64,
    /// Issuers whose trusts are kept.
    pub issuers_max: usize,
    /// Verified tokens kept.
    pub token_cache_entries: usize,
    /// How long a verified token is taken without verifying it again; so long may a deleted tenant
    /// read on at most, and so long do its old limits count.
    pub token_cache_ttl_ms: u64,
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
            key_set_stale_ms: DAY_MS,
            key_refetch_min_ms: 30 * SECOND_MS,
            key_retry_min_ms: SECOND_MS,
            key_sets_max: 1_000,
            key_set_keys_max: 100,
            trust_ttl_ms: SECOND_MS,
            issuers_max: 1_000,
            token_cache_entries: 10_000,
            token_cache_ttl_ms: 10 * SECOND_MS,
        }
    }
}
