//! Who has a connection, and which of them is cut when there are too many.
//!
//! A connection that is slow costs little by itself; many of them would keep everyone else waiting.
//! So when all places are taken and someone comes, the place is taken from whoever makes the least
//! of it: first those who never asked for anything, then bodies that hardly come, then those who
//! were answered and keep quiet, then other bodies. A request that is being worked on is never cut.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;

/// Nobody is cut for the sake of others before this: who is quick has asked by then.
const GRACE: Duration = Duration::from_secs(1);

/// A body that comes at less hardly comes.
const SLOW_BYTES_PER_SECOND: u64 = 8 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Guest {
    /// Whose it is.
    pub(super) peer: SocketAddr,
    /// Cancelled when the place is needed.
    pub(super) cut: CancellationToken,
    has_asked: AtomicBool,
    /// Requests between their headers and their answer.
    asking: AtomicU32,
    /// Those of them whose body is awaited.
    reading: AtomicU32,
    /// Bytes of bodies since the last change.
    bytes: AtomicU64,
    /// When it connected, had the headers of a request or was answered; in milliseconds.
    changed: AtomicU64,
}

/// What a connection makes of its place; the first is cut first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Never asked.
    Silent,
    /// Sends a body that hardly comes, at so many bytes a second.
    Slow(u64),
    /// Was answered, and keeps quiet.
    Idle,
    /// Sends a body, at so many bytes a second.
    Sending(u64),
}

impl Guest {
    fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            cut: CancellationToken::new(),
            has_asked: AtomicBool::new(false),
            asking: AtomicU32::new(0),
            reading: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            changed: AtomicU64::new(millis(clock::monotonic())),
        }
    }

    /// Whether it has ever had a request's headers.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// Whether a request is not answered yet.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed) > 0
    }

    /// A request's headers are here; until the answer is given.
    pub(super) fn ask(&self) -> Asking<'_> {
        self.has_asked.store(true, Ordering::Relaxed);
        self.asking.fetch_add(1, Ordering::Relaxed);
        self.change();
        Asking(self)
    }

    /// A request's body is awaited; until it is here.
    pub(super) fn read(&self) -> Reading<'_> {
        self.reading.fetch_add(1, Ordering::Relaxed);
        Reading(self)
    }

    /// Bytes of a body came.
    pub(super) fn came(&self, n: usize) {
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// How long it has kept quiet; nothing while it is answered.
    pub(super) fn quiet_for(&self, now: Duration) -> Duration {
        if self.is_asking() {
            return Duration::ZERO;
        }
        self.since_change(now)
    }

    fn change(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        let now = millis(clock::monotonic());
        self.changed.store(now, Ordering::Relaxed);
    }

    fn since_change(&self, now: Duration) -> Duration {
        let changed = Duration::from_millis(self.changed.load(Ordering::Relaxed));
        now.saturating_sub(changed)
    }

    /// What it makes of its place, and since when; `None` when it is not to be cut.
    fn judge(&self, now: Duration) -> Option<(Use, Duration)> {
        let lasted = self.since_change(now);
        let asking = self.asking.load(Ordering::Relaxed);
        let is_worked_on = asking > self.reading.load(Ordering::Relaxed);
        if lasted < GRACE || is_worked_on || self.cut.is_cancelled() {
            return None;
        }
        let made = match (self.has_asked(), asking) {
            (false, _) => Use::Silent,
            (true, 0) => Use::Idle,
            (true, _) => {
                let bytes = self.bytes.load(Ordering::Relaxed).saturating_mul(1000);
                match bytes / millis(lasted).max(1) {
                    rate @ ..SLOW_BYTES_PER_SECOND => Use::Slow(rate),
                    rate => Use::Sending(rate),
                }
            }
        };
        Some((made, lasted))
    }
}

/// A request that is not answered yet.
pub(super) struct Asking<'a>(&'a Guest);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
        self.0.change();
    }
}

/// A body that is not here yet.
pub(super) struct Reading<'a>(&'a Guest);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Every open connection.
#[derive(Debug, Default)]
pub(super) struct Guests {
    open: Mutex<HashMap<u64, Arc<Guest>>>,
    next: AtomicU64,
}

impl Guests {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Guest>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one in; gives its number, by which it goes.
    pub(super) fn welcome(&self, peer: SocketAddr) -> (u64, Arc<Guest>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let guest = Arc::new(Guest::new(peer));
        self.open().insert(number, Arc::clone(&guest));
        (number, guest)
    }

    /// Forgets one.
    pub(super) fn leave(&self, number: u64) {
        self.open().remove(&number);
    }

    /// Cuts the one that makes the least of its place, if there is one to be cut.
    pub(super) fn cut_one(&self, now: Duration) {
        let open = self.open();
        let judged = open.values().filter_map(|guest| {
            let (made, lasted) = guest.judge(now)?;
            Some((made, std::cmp::Reverse(lasted), guest))
        });
        let least = judged.min_by_key(|(made, lasted, _)| (*made, *lasted));
        if let Some((made, _, guest)) = least {
            tracing::debug!(?made, "a connection is cut for another");
            guest.cut.cancel();
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(3600);

    fn cut(guests: &[&Guest]) -> Vec<bool> {
        guests
            .iter()
            .map(|guest| guest.cut.is_cancelled())
            .collect()
    }

    #[test]
    fn the_one_that_makes_the_least_of_its_place_is_cut() {
        let guests = Guests::default();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let (_, silent) = guests.welcome(peer);
        let (_, slow) = guests.welcome(peer);
        let (_, quick) = guests.welcome(peer);
        let (_, idle) = guests.welcome(peer);
        let (_, busy) = guests.welcome(peer);
        drop(idle.ask());
        let _asking = [slow.ask(), quick.ask(), busy.ask()];
        let _reading = [slow.read(), quick.read()];
        quick.came(1 << 30);
        let all = [&*silent, &*slow, &*idle, &*quick, &*busy];
        // Everyone has a moment.
        guests.cut_one(clock::monotonic());
        assert_eq!(cut(&all), [false; 5]);
        for n_cut in 1..=4 {
            guests.cut_one(clock::monotonic() + LATER);
            let expected: Vec<_> = (0..5).map(|place| place < n_cut).collect();
            assert_eq!(cut(&all), expected);
        }
        guests.cut_one(clock::monotonic() + LATER);
        assert!(!busy.cut.is_cancelled());
        guests.leave(0);
        assert_eq!(guests.open().len(), 4);
    }
}
