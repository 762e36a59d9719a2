//! Bytes of requests held in memory: bounded per tenant and for all tenants together, in this
//! process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::{Error, Kind, Result, Retry};

/// Counted for a running upload: it is streamed in chunks and never held in memory as a whole.
pub(crate) const UPLOAD_BYTES: usize = 1024 * 1024;
/// Tenants with no more than this in flight may use the last quarter of the room, which large
/// bodies leave free.
const SMALL_BYTES: usize = 1024 * 1024;
/// `Retry-After`: bodies leave memory as fast as they came.
const AGAIN_AFTER_MS: u64 = 1_000;

/// The number of bytes in flight per payer.
pub struct BytesInFlight {
    tenant_bytes_max: usize,
    bytes_max: usize,
    /// The part available to tenants that have more than `SMALL_BYTES` in flight.
    large_bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: usize,
    by_payer: HashMap<Payer, usize>,
}

/// Whose quota a body counts against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    Tenant(TenantId),
    /// The provider's webhooks. They have as much room as a tenant, which no tenant can use.
    Provider,
}

/// Room for some bytes, released when dropped.
pub(crate) struct Room {
    of: Arc<BytesInFlight>,
    payer: Payer,
    bytes: usize,
}

impl BytesInFlight {
    /// A single body of the maximum size always fits.
    pub fn new(bounds: &Bounds) -> Self {
        let tenant_bytes_max = bounds
            .tenant_in_flight_bytes_max
            .max(bounds.body_bytes_max)
            .max(UPLOAD_BYTES);
        let large_bytes_max = (bounds.in_flight_bytes_max / 4 * 3).max(tenant_bytes_max);
        let bytes_max = bounds
            .in_flight_bytes_max
            .max(large_bytes_max + SMALL_BYTES);
        Self {
            tenant_bytes_max,
            bytes_max,
            large_bytes_max,
            held: Mutex::default(),
        }
    }

    /// An empty reservation.
    pub(crate) fn room(self: &Arc<Self>, payer: Payer) -> Room {
        Room {
            of: self.clone(),
            payer,
            bytes: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Reserves more. Kind `Busy` with code `too_many_bytes` if this tenant has too much in flight,
    /// kind `Unavailable` with code `too_busy` if all tenants together do.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        let mut held = self.of.lock();
        let of_payer = held.by_payer.get(&self.payer).copied().unwrap_or(0);
        if of_payer + bytes > self.of.tenant_bytes_max {
            return Err(too_many(self.of.tenant_bytes_max));
        }
        if matches!(self.payer, Payer::Tenant(_)) {
            let is_small = of_payer + bytes <= SMALL_BYTES;
            let bytes_max = if is_small {
                self.of.bytes_max
            } else {
                self.of.large_bytes_max
            };
            if held.bytes + bytes > bytes_max {
                return Err(too_busy());
            }
            held.bytes += bytes;
        }
        held.by_payer.insert(self.payer.clone(), of_payer + bytes);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        if matches!(self.payer, Payer::Tenant(_)) {
            held.bytes = held.bytes.saturating_sub(self.bytes);
        }
        let left = held
            .by_payer
            .get(&self.payer)
            .map_or(0, |bytes| bytes.saturating_sub(self.bytes));
        match left {
            0 => held.by_payer.remove(&self.payer),
            left => held.by_payer.insert(self.payer.clone(), left),
        };
    }
}

fn too_many(bytes_max: usize) -> Error {
    let text = format!(
        "your concurrent requests exceed {bytes_max} bytes in total, of which each running upload counts as {UPLOAD_BYTES}; send fewer at once, and URLs of uploads instead of pictures"
    );
    Error::new(Kind::Busy, "too_many_bytes", text).retry(Retry::AfterMs(AGAIN_AFTER_MS))
}

fn too_busy() -> Error {
    let text = "the gateway's memory for requests is full; try again in a moment";
    Error::unavailable("too_busy", text).retry(Retry::AfterMs(AGAIN_AFTER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn bytes() -> Arc<BytesInFlight> {
        let bounds = Bounds {
            body_bytes_max: MIB,
            tenant_in_flight_bytes_max: 4 * MIB,
            in_flight_bytes_max: 8 * MIB,
            ..Bounds::default()
        };
        Arc::new(BytesInFlight::new(&bounds))
    }

    fn tenant(name: &str) -> Payer {
        Payer::Tenant(TenantId::parse(name).expect("a valid name"))
    }

    fn of(bytes: &Arc<BytesInFlight>, payer: Payer, mib: usize) -> Result<Room, &'static str> {
        let mut room = bytes.room(payer);
        room.grow(mib * MIB).map_err(|error| error.code)?;
        Ok(room)
    }

    #[test]
    fn one_tenant_and_all_together_have_their_bounds_and_the_provider_has_its_own_room() {
        let bytes = bytes();
        let first = of(&bytes, tenant("a"), 4);

        assert_eq!(of(&bytes, tenant("a"), 1).err(), Some("too_many_bytes"));
        let second = of(&bytes, tenant("b"), 2);
        assert_eq!(of(&bytes, tenant("c"), 2).err(), Some("too_busy"));
        assert!(of(&bytes, Payer::Provider, 4).is_ok());
        drop(first);
        assert!(of(&bytes, tenant("c"), 4).is_ok());
        drop(second);
        let held = bytes.lock();
        assert_eq!((held.bytes, held.by_payer.len()), (0, 0));
    }

    #[test]
    fn however_many_send_large_bodies_there_is_room_for_who_has_little_in_flight() {
        let bytes = bytes();
        let _large = (of(&bytes, tenant("a"), 4), of(&bytes, tenant("b"), 2));

        let small = [of(&bytes, tenant("c"), 1), of(&bytes, tenant("d"), 1)];

        assert!(small.iter().all(Result::is_ok));
        assert_eq!(
            of(&bytes, tenant("c"), 1).err(),
            Some("too_busy"),
            "it has something in flight"
        );
        assert_eq!(
            of(&bytes, tenant("e"), 1).err(),
            Some("too_busy"),
            "the bound of all holds"
        );
    }

    #[test]
    fn a_refusal_takes_nothing() {
        let bytes = bytes();
        let mut room = bytes.room(tenant("a"));

        assert!(room.grow(5 * MIB).is_err());
        assert!(room.grow(4 * MIB).is_ok());
        drop(room);
        assert_eq!(bytes.lock().bytes, 0);
    }
}
