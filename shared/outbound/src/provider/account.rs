//! Whether the provider accepts our account at all: checked at start-up, by `doctor`, and after a
//! refusal that may only be about one model.

use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::AccountCheck;
use fluxgate_core::provider::lenient::Fields;

use super::envelope::Answer;
use super::exchange::Exchange;
use crate::failure::describe;

pub(super) async fn check(exchange: &Exchange) -> AccountCheck {
    let begun = match exchange.begin_get("/api/v3/balance").await {
        Ok(begun) => begun,
        Err(error) => return AccountCheck::NoKey { why: error.message },
    };
    let response = match exchange.send(begun).await {
        Ok(response) => response,
        Err(error) => {
            return AccountCheck::Unreachable {
                why: describe(&error),
            };
        }
    };
    match exchange.answer(response).await {
        Answer::Data(data) => {
            let usd = Fields::of(&data).and_then(|fields| fields.number(&["balance"]));
            AccountCheck::Good {
                balance: usd.and_then(MicroUsd::from_usd),
            }
        }
        Answer::Status(refusal) if matches!(refusal.status, 401..=403) => AccountCheck::Refused {
            status: refusal.status,
        },
        Answer::Status(refusal) => AccountCheck::Odd {
            why: format!("answers {}", refusal.status),
        },
        Answer::Odd { code } => AccountCheck::Odd {
            why: format!("answers with the code {code}"),
        },
        Answer::Unreadable => AccountCheck::Odd {
            why: "answers with something that cannot be read".to_owned(),
        },
    }
}
