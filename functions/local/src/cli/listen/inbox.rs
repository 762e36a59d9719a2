//! The pull endpoint of this machine: made at the first start, found again at the next.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fluxgate_core::webhook::InboxCursor;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::ListenArgs;
use super::event::Page;
use super::state::{State, StateFile};
use crate::cli::exit::with_flag;
use crate::cli::print;
use crate::client::{Refused, TenantClient, text};

/// How long a request waits for an event, where the gateway waits at all, and how often it is asked
/// where it does not.
const WAIT_S: u64 = 20;
const PACE: Duration = Duration::from_secs(1);
const PAGE: usize = 20;
/// The gateway's fields that have another name on the command line.
const FLAGS: [(&str, &str); 1] = [("event_types", "--events")];

pub(super) struct Inbox {
    client: TenantClient,
    file: StateFile,
    pub(super) state: State,
    /// When the last page was asked for that came empty.
    asked: Option<Instant>,
}

impl Inbox {
    pub(super) async fn open(args: &ListenArgs) -> Result<Self> {
        let client = args.access.client().await?;
        let file = StateFile::of(args, client.base_url())?;
        let known = file.read()?;
        let known = match known {
            Some(state) if args.reset => {
                delete(&client, &state.endpoint).await?;
                None
            }
            Some(state) if state.gateway != client.base_url() => bail!(
                "{} is of another gateway, {}; name another file with --state, or begin anew with --reset",
                file.path().display(),
                state.gateway
            ),
            known => known,
        };
        let state = match known {
            Some(state) if is_there(&client, &state, &args.events).await? => state,
            known => {
                if known.is_some() {
                    print::note("the endpoint of before is gone; its events that waited are lost");
                }
                create(&client, &args.events).await?
            }
        };
        let mut inbox = Self {
            client,
            file,
            state,
            asked: None,
        };
        inbox.file.write(&inbox.state)?;
        if let Some(after) = &args.after {
            inbox.state.after = Some(after.clone());
        }
        Ok(inbox)
    }

    /// The events behind those that were passed, which it acknowledges.
    pub(super) async fn page(&mut self) -> Result<Page> {
        if let Some(asked) = self.asked.take() {
            tokio::time::sleep(PACE.saturating_sub(asked.elapsed())).await;
        }
        let began = Instant::now();
        let page = self.read(PAGE, WAIT_S).await?;
        self.asked = page.events.is_empty().then_some(began);
        Ok(page)
    }

    /// Tells the gateway how far this has come.
    pub(super) async fn acknowledge(&self) -> Result<()> {
        self.read(1, 0).await.map(drop)
    }

    async fn read(&self, limit: usize, wait_s: u64) -> Result<Page> {
        let endpoint = &self.state.endpoint;
        let after = self.state.after.as_ref();
        let after = after.map_or_else(String::new, |after| {
            let after: String = byte_serialize(after.as_bytes()).collect();
            format!("&after={after}")
        });
        let path = format!("/v1/events?endpoint={endpoint}&limit={limit}&wait={wait_s}{after}");
        Page::of(self.client.call(Method::GET, &path, None).await?)
    }

    /// The cursor that reads what comes next once more.
    pub(super) fn place(&self) -> String {
        let after = self.state.after.clone();
        after.unwrap_or_else(|| InboxCursor::default().to_text())
    }

    /// A stop after this goes on behind the cursor.
    pub(super) fn passed(&mut self, cursor: &str) -> Result<()> {
        if self.state.after.as_deref() == Some(cursor) {
            return Ok(());
        }
        self.state.after = Some(cursor.to_owned());
        self.file.write(&self.state)
    }

    pub(super) async fn renew(&mut self, args: &ListenArgs) -> Result<()> {
        self.client = args.access.client().await?;
        Ok(())
    }

    pub(super) async fn remake(&mut self, args: &ListenArgs) -> Result<()> {
        self.state = create(&self.client, &args.events).await?;
        self.file.write(&self.state)
    }
}

async fn create(client: &TenantClient, events: &[String]) -> Result<State> {
    let body = json!({ "kind": "pull", "description": "fluxgate listen", "event_types": events });
    let created = client
        .call(Method::POST, "/v1/endpoints", Some(&body))
        .await;
    let created = created.map_err(|error| with_flag(error, &FLAGS));
    let created = created.context("the endpoint to read events from was not created")?;
    let state = State {
        gateway: client.base_url().to_owned(),
        endpoint: text(&created, "id")?,
        secret: text(&created, "secret")?,
        after: None,
    };
    if !state.is_sound() {
        bail!(
            "{} gave no endpoint: its id or its secret is not one; is it a gateway?",
            client.base_url()
        );
    }
    Ok(state)
}

/// False when it is gone. Otherwise it has these event types from now on.
async fn is_there(client: &TenantClient, state: &State, events: &[String]) -> Result<bool> {
    let path = format!("/v1/endpoints/{}", state.endpoint);
    let body: Value = json!({ "event_types": events });
    match client.call(Method::PATCH, &path, Some(&body)).await {
        Err(error) if is_gone(&error) => Ok(false),
        changed => changed
            .map(|_| true)
            .map_err(|error| with_flag(error, &FLAGS)),
    }
}

async fn delete(client: &TenantClient, endpoint: &str) -> Result<()> {
    let path = format!("/v1/endpoints/{endpoint}");
    match client.call(Method::DELETE, &path, None).await {
        Err(error) if is_gone(&error) => Ok(()),
        deleted => deleted.map(drop),
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status == StatusCode::NOT_FOUND)
}
