//! What the admin API answered, however it was called.

use anyhow::Result;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::trouble::{Refused, foreign};

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// What kept a call in this process from working, with its causes. Of other processes they
    /// are in the log.
    pub(super) causes: Option<String>,
    /// Why a call in this process could not ask the provider.
    pub(super) no_provider: Option<String>,
    /// AWS itself may have answered, before the function.
    pub(super) is_signed: bool,
}

/// Codes of refusals for want of the provider.
const WITHOUT_PROVIDER: [&str; 3] = ["catalogue_unknown", "costs_unknown", "provider_unknown"];

impl Answer {
    /// The document that was asked for. `place` names the installation in an error.
    pub(super) fn document<T: DeserializeOwned>(self, place: &str) -> Result<T> {
        let body = self.accepted(place)?;
        let json = match body.body.is_empty() {
            true => b"null",
            false => body.body.as_slice(),
        };
        serde_json::from_slice(json).map_err(|_| foreign(place, body.status, &body.headers))
    }

    /// The same of an answer that is no JSON.
    pub(super) fn text(self, place: &str) -> Result<String> {
        let answer = self.accepted(place)?;
        String::from_utf8(answer.body).map_err(|_| foreign(place, answer.status, &answer.headers))
    }

    fn accepted(self, place: &str) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let problem: Option<Value> = serde_json::from_slice(&self.body).ok();
        let Some(problem) = problem.filter(|body| body["detail"].is_string()) else {
            return Err(
                match self.is_signed && self.status == StatusCode::FORBIDDEN {
                    true => refused_by_aws(&self.body).into(),
                    false => foreign(place, self.status, &self.headers),
                },
            );
        };
        let mut refused = Refused::by(self.status, &problem);
        if let Some(causes) = self.causes {
            refused.why = causes;
        }
        let is_for_want = |code: &String| WITHOUT_PROVIDER.contains(&code.as_str());
        if let Some(why) = self.no_provider
            && refused.code.as_ref().is_some_and(is_for_want)
        {
            refused.why += &format!(" ({why})");
        }
        Err(refused.into())
    }
}

/// Lambda's own answer to a call that its function never saw.
fn refused_by_aws(body: &[u8]) -> Refused {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let told = ["Message", "message"]
        .iter()
        .find_map(|name| told[name].as_str());
    let told = told.unwrap_or("no reason given");
    Refused {
        status: StatusCode::FORBIDDEN,
        why: format!(
            "AWS refused the call ({told}): the credentials need lambda:InvokeFunctionUrl and lambda:InvokeFunction on the stack's admin function, and this machine the right time"
        ),
        code: None,
        field: None,
    }
}
