//! Whether the vendor takes our account at all: asked at the start, by `doctor`, and after a refusal that may be about one model alone.

use fluxgate_core::money::MicroUsd;
use fluxgate_core::upstream::lenient::Fields;

use super::envelope::Answer;
use super::exchange::Exchange;
use crate::failure::describe;

/// What the vendor says to the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCheck {
    /// It takes it; the balance where it told one.
    Good { balance: Option<MicroUsd> },
    /// It refuses it: 401, 402 or 403.
    Refused { status: u16 },
    /// Nobody was reached. Why, as the end of a sentence whose subject is the vendor.
    Unreachable { why: String },
    /// The key itself cannot be had, or stand in a header.
    NoKey { why: String },
    /// What answers there is not the vendor's API, or not well.
    Odd { why: String },
}

pub(super) async fn check(exchange: &Exchange) -> AccountCheck {
    let begun = match exchange.begin_get("/api/v3/balance").await {
        Ok(begun) => begun,
        Err(error) => return AccountCheck::NoKey { why: error.message },
    };
    let response = match begun.request.send().await {
        Ok(response) => response,
        Err(error) => return AccountCheck::Unreachable { why: describe(&error) },
    };
    match exchange.answer(response, &begun.key).await {
        Answer::Data(data) => {
            let usd = Fields::of(&data).and_then(|fields| fields.number(&["balance"]));
            AccountCheck::Good { balance: usd.and_then(MicroUsd::from_usd) }
        }
        Answer::Status(refusal) if matches!(refusal.status, 401..=403) => {
            AccountCheck::Refused { status: refusal.status }
        }
        Answer::Status(refusal) => AccountCheck::Odd { why: format!("answers {}", refusal.status) },
        Answer::Odd { code } => AccountCheck::Odd { why: format!("answers with the code {code}") },
        Answer::Unreadable => AccountCheck::Odd { why: "answers something that cannot be read".to_owned() },
    }
}
