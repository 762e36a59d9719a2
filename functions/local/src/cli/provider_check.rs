//! Checks that the provider accepts the key, for `serve` at start-up and for `doctor`: what is
//! wrong, and how to fix it.

use anyhow::{Result, bail};
use fluxgate_core::app::check_provider_account;
use fluxgate_core::port::AccountCheck;
use fluxgate_outbound::WaveSpeedClient;

use crate::provider_key::ProviderKey;
use crate::settings::Settings;

/// Asks the provider once; the client bounds how long that takes.
pub(super) async fn check(name: &str, provider: &WaveSpeedClient, mend: &str) -> Result<String> {
    told(name, check_provider_account(provider).await, mend)
}

/// How to give these settings another key.
pub(super) fn mend_of(settings: &Settings) -> &'static str {
    let key = settings.provider_key.as_ref();
    key.map_or(OF_SERVER, ProviderKey::mend)
}

/// How to give another key to an installation of which it is not known where it has its key from.
pub(super) const OF_SERVER: &str = "give the gateway a key that is valid there, by its \
    WAVESPEED_API_KEY, by the file that its WAVESPEED_API_KEY_FILE names, or on AWS by the secret of ProviderKeySecretName";

/// The result in words, as an error unless the key is good.
pub(super) fn told(name: &str, check: AccountCheck, mend: &str) -> Result<String> {
    match check {
        AccountCheck::Good {
            balance: Some(balance),
        } => Ok(format!("{name} accepts the key; the balance is {balance}")),
        AccountCheck::Good { balance: None } => Ok(format!("{name} accepts the key")),
        AccountCheck::Refused { status: 401 } => {
            bail!(
                "{name} refuses the key (401): {mend}, or set --provider to the provider of this key"
            )
        }
        AccountCheck::Refused { status: 402 } => {
            bail!("{name} says that the account has no balance (402): top it up at the provider")
        }
        AccountCheck::Refused { status } => {
            bail!(
                "{name} denies the account access to its API ({status}): check the account and the key's permissions at the provider"
            )
        }
        AccountCheck::Unreachable { why } => {
            bail!("{name} {why}: check --provider, this machine's network and its firewall")
        }
        AccountCheck::NoKey { why } => bail!("the provider's key cannot be used: {why}"),
        AccountCheck::Odd { why } => {
            bail!("{name} {why}, which is unexpected: check --provider, or try again later")
        }
    }
}
