//! Fetches what the provider produced: hashed, counted, sniffed and spooled in one pass.

mod failure;
mod inline;
mod pass;
mod redirects;
mod room;
mod spool;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fluxgate_core::bounds::CopyBounds;
use fluxgate_core::media::Promise;
use fluxgate_core::port::{FetchFailure, Fetched, OutputFetch, OutputFetcher};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use crate::guard::GuardedClient;
use failure::{broken_off, failed, no_room, too_large};
use inline::Inline;
use pass::Pass;
use room::{Need, Room, Rooms};

/// How often one output is begun at most: again where there was no room for it, and where it has
/// become larger meanwhile.
const BEGINNINGS_MAX: usize = 3;

/// [`OutputFetcher`] over HTTP, and for outputs inside the provider's response.
pub struct HttpOutputFetcher {
    client: GuardedClient,
    spool_in: PathBuf,
    rooms: Rooms,
}

impl HttpOutputFetcher {
    /// Holds as many bytes as the default bounds allow.
    pub fn new(client: GuardedClient) -> Self {
        Self {
            client,
            spool_in: std::env::temp_dir(),
            rooms: Rooms::new(CopyBounds::default()),
        }
    }

    /// A fetcher that writes large outputs to this folder, which exists while it is used. On the
    /// file system where they are to stay they need not be copied.
    #[must_use]
    pub fn spooling_in(self, folder: PathBuf) -> Self {
        Self {
            spool_in: folder,
            ..self
        }
    }

    /// A fetcher that holds as many bytes as these bounds allow.
    #[must_use]
    pub fn within(self, bounds: CopyBounds) -> Self {
        Self {
            rooms: Rooms::new(bounds),
            ..self
        }
    }

    /// The beginning of an output, with room for the rest of it.
    async fn begin(&self, output: OutputFetch<'_>) -> Result<(Response, Room), FetchFailure> {
        let mut waited_for = None;
        for _ in 0..BEGINNINGS_MAX {
            let response = redirects::follow(&self.client, output).await?;
            let announced = response.content_length();
            if announced.is_some_and(|length| length > output.bytes_max) {
                return Err(too_large(output.bytes_max));
            }
            let need = Need::of(announced, output.bytes_max);
            let room = waited_for.take().filter(|room: &Room| room.fits(need));
            if let Some(room) = room.or_else(|| self.rooms.try_take(need)) {
                return Ok((response, room));
            }
            // A server does not wait for long until somebody reads on.
            drop(response);
            waited_for = Some(self.rooms.take(need).await.ok_or_else(no_room)?);
        }
        Err(no_room())
    }

    async fn read_inline(
        &self,
        inline: Inline<'_>,
        output: OutputFetch<'_>,
    ) -> Result<Fetched, FetchFailure> {
        let need = Need::of(Some(inline.bytes.len() as u64), output.bytes_max);
        let room = self.rooms.take(need).await.ok_or_else(no_room)?;
        let mut pass = Pass::new(output.bytes_max, inline.promise, &self.spool_in, room);
        pass.take(&inline.bytes).await?;
        pass.finish(output.url, inline.provider_type).await
    }
}

#[async_trait]
impl OutputFetcher for HttpOutputFetcher {
    async fn fetch(&self, output: OutputFetch<'_>) -> Result<Fetched, FetchFailure> {
        if let Some(inline) = inline::read(output.url, output.promised, output.bytes_max)? {
            return self.read_inline(inline, output).await;
        }
        let (response, room) = self.begin(output).await?;
        receive(response, output, &self.spool_in, room).await
    }
}

async fn receive(
    mut response: Response,
    output: OutputFetch<'_>,
    spool_in: &Path,
    room: Room,
) -> Result<Fetched, FetchFailure> {
    let OutputFetch {
        url,
        promised,
        bytes_max,
        ..
    } = output;
    let announced = response.content_length();
    let provider_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|told| told.to_str().ok())
        .map(str::to_owned);
    let mut pass = Pass::new(bytes_max, Promise::of(url, promised), spool_in, room);
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        pass.take(&chunk).await?;
    }
    // The client already fails on a short body. This checks again, because a charge depends on it.
    if announced.is_some_and(|length| length != pass.bytes()) {
        return Err(broken_off());
    }
    pass.finish(url, provider_type).await
}
